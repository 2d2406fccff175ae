"""The straight line: one video stretched evenly onto the other. The control beside every alignment, and what an alignment
falls back to where it sees nothing."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import VideoFrames

from .time_map import Pins, TimeMap, on_line


def linear_map(reference: VideoFrames, query: VideoFrames, *, pins: Pins = ()) -> TimeMap:
    """The time map of even tempo: first frame to first frame, last to last, and pinned moments to each other.

    It looks at no picture: cost and probability are those of a guess (1 and one half). What an alignment cannot do better
    is not worth aligning.

    Args:
        reference, query: their times are all that is used.
        pins: (reference, query) seconds that belong together; the line bends there.

    Returns:
        One match for each frame of the reference, between frames of the query where the line runs there.

    Raises:
        InputError: a video without frames.
    """
    for video in (reference, query):
        if not len(video.time_s):
            raise InputError(f"{video.video}: no embedded frames")
    spans = (span_s(reference), span_s(query))
    query_time_s = on_line(reference.time_s, *spans, pins)
    nearest = np.searchsorted((query.time_s[1:] + query.time_s[:-1]) / 2, query_time_s)
    half = np.full(len(query_time_s), 0.5, np.float32)
    return TimeMap(
        reference.video,
        query.video,
        reference.frame,
        reference.time_s,
        query.frame[nearest],
        query_time_s,
        np.ones_like(half),
        half,
        0.5,
        "linear",
        pins=tuple(sorted(pins)),
        ref_span_s=spans[0],
        query_span_s=spans[1],
    )


def unevenness(reference: VideoFrames, query: VideoFrames, *, pins: Pins = ()) -> np.ndarray:
    """(N, M) float32: how far each pair of frames lies from the line, as a share of the query's length."""
    line_s = on_line(reference.time_s, span_s(reference), span_s(query), pins)
    length_s = max(float(np.ptp(query.time_s)), 1e-9)
    return np.abs((query.time_s - line_s[:, None]) / length_s).astype(np.float32)


def span_s(video: VideoFrames) -> tuple[float, float]:
    """First and last time."""
    return float(video.time_s[0]), float(video.time_s[-1])
