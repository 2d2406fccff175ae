"""Scan videos: what is there, and what is wrong with it. Needs no labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mvssl.errors import VideoError
from mvssl.types import Video

from .layouts import read_videos
from .opening import open_video


class Problem(NamedTuple):
    """Something to know of a file. ``fatal`` = the file cannot be used and is not in ``ScanReport.videos``."""

    video_id: str
    path: str
    kind: str  # of VideoError, or: short, variable_rate, rotated, duplicate_content
    message: str
    time_s: float | None = None
    fatal: bool = False


class ScanReport(NamedTuple):
    videos: list[Video]
    problems: list[Problem]


def scan(
    source: str | os.PathLike | Sequence[Video],
    *,
    pattern: str | None = None,
    layout: str | None = None,
    short_s: float = 0.5,
) -> ScanReport:
    """Open every video of a folder, table or list, and complete its row.

    Args:
        source: anything that ``read_videos`` reads, or rows.
        short_s: videos shorter than this are noted.
    """
    rows = (
        list(source)
        if not isinstance(source, (str, os.PathLike))
        else read_videos(source, pattern=pattern, layout=layout, probe=False)
    )
    videos, problems = [], []
    for row in rows:
        try:
            with open_video(row) as decoder:
                video = decoder.video
                problems += _remarks(video, decoder.times_s, short_s)
            videos.append(video)
        except VideoError as error:
            problems.append(Problem(row.id, row.path, error.kind, str(error), error.time_s, fatal=True))
    return ScanReport(videos, problems)


def _remarks(video: Video, times_s: np.ndarray, short_s: float) -> list[Problem]:
    found = []
    if video.duration_s < short_s:
        found.append(Problem(video.id, video.path, "short", f"{video.path}: only {video.duration_s:.3f} s long"))
    if video.rotation:
        found.append(
            Problem(
                video.id, video.path, "rotated", f"{video.path}: turned by {video.rotation} degrees, as the file asks"
            )
        )
    steps = np.diff(times_s)
    if len(steps) and (uneven := np.abs(steps / np.median(steps) - 1) > 0.2).any():
        at = float(times_s[int(np.argmax(uneven))])
        share = float(uneven.mean())
        found.append(
            Problem(
                video.id,
                video.path,
                "variable_rate",
                f"{video.path}: {share:.0%} of the frame intervals differ from the median",
                at,
            )
        )
    return found
