"""The two ways in which evaluators match the frames of two videos: nearest neighbour, and dynamic time warping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from mvssl.dtw import dtw
from mvssl.frames import Frames, VideoFrames
from mvssl.neighbours import nearest

METHODS: tuple[Literal["nearest", "dtw"], ...] = ("nearest", "dtw")


def matched_times(
    query: np.ndarray, reference: np.ndarray, reference_time_s: np.ndarray, method: Literal["nearest", "dtw"]
) -> np.ndarray:
    """The reference time that each query frame is matched to.

    "nearest": time of the nearest reference frame (Euclidean, the earliest among equals). "dtw": mean time of the
    reference frames on the cheapest path of Euclidean distances, both ends open; query frames before or after the path
    are matched to its first or last reference frame.

    Args:
        query: (M, D).
        reference: (N, D).
        reference_time_s: (N,).

    Returns:
        (M,) seconds.
    """
    if method == "nearest":
        return reference_time_s[nearest(query, reference)]
    from scipy.spatial.distance import cdist

    path = dtw(cdist(reference, query), open_ends=True)
    times = np.bincount(path.query, reference_time_s[path.reference], minlength=len(query))
    number = np.bincount(path.query, minlength=len(query))
    on_path = np.flatnonzero(number)
    return np.interp(np.arange(len(query)), on_path, times[on_path] / number[on_path])


def clock_times(query: np.ndarray, reference: np.ndarray, reference_time_s: np.ndarray) -> np.ndarray:
    """What the clock alone says: normalised times (M,) of the query looked up among those (N,) of the reference."""
    return np.interp(query, reference, reference_time_s)


def source_times(video: VideoFrames) -> np.ndarray:
    """(T,) instants that the rows show, on the clock of the session: ``extra["source_time_s"]``, else ``time_s``."""
    shown = video.extra.get("source_time_s")
    return (video.time_s if shown is None else np.asarray(shown, dtype=np.float64)[:, 0]) + video.offset_s


def pairs_of_one_take(frames: Frames) -> Iterator[tuple[int, int]]:
    """Ordered pairs (query, reference) of different rows of one session: cameras, or versions of one video."""
    sessions: dict[str, list[int]] = {}
    for i, video in enumerate(frames):
        if video.session:
            sessions.setdefault(video.session, []).append(i)
    for members in sessions.values():
        yield from ((i, j) for i in members for j in members if i != j)
