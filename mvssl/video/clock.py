"""Two clocks of a video file, and labels put on the right one.

The *file's clock* is that of its presentation times: recorders write the wall clock or broadcast time there, so that the
first frame may be at 1.48, 36,000 or 1,700,000,000 s. The *player's clock* is what people read: 0 at the file's first frame.
Inside everything is on the file's clock; ``file time = player time + first_s``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mvssl.errors import InputError, InputWarning, VideoError
from mvssl.labels import TOLERANCE_S, LabelTable, Segment, Segments, read_label_table
from mvssl.rows import clean
from mvssl.types import Video

from . import cache
from .picture_folder import DEFAULT_FPS, folder_index

NEAR_ZERO_S = 0.1  # a first frame nearer to 0 than this is taken as one at 0


def file_times_s(video: Video) -> np.ndarray:
    """(N,) float64: times of all frames of the video's file (not of its range alone), and the end of the last."""
    path = os.fspath(video.path)
    index = folder_index(path, video.fps or DEFAULT_FPS) if os.path.isdir(path) else cache.index_of(path)
    return index.time_s(np.append(index.shown_pts, index.end_pts))


def first_s(video: Video) -> float:
    """When the file's first frame is shown on the file's clock: 0 for a player."""
    return float(file_times_s(video)[0])


def read_labels(table: str | Path | LabelTable, videos: Iterable[Video]) -> Segments:
    """The labels of a table on the clock of the files, compared with the frames of these videos.

    Args:
        table: ``segments.csv`` (``mvssl.labels.read_label_table``).
        videos: rows of the index. Labels of other videos are kept as they are; a file that cannot be read is not compared.

    Raises:
        InputError: a label that covers no frame of its file; labels on the player's clock of a video that is not here.

    Warns:
        InputWarning: labels that fit the other clock better, and labels without a stated clock where the clocks differ.
    """
    table = table if isinstance(table, LabelTable) else read_label_table(table)
    placed, by_id = Segments(table.segments), {clean(video.id): video for video in videos}
    unstated: list[tuple[str, float]] = []
    for name, rows in table.segments.items():
        times_s = None
        if name in by_id:
            try:
                times_s = file_times_s(by_id[name])
            except VideoError:  # whoever reads the frames says so
                times_s = None
        if table.clock[name] == "player":
            if times_s is None:
                if name in by_id:
                    raise InputError(
                        f"{table.where}: {name}: labels on the player's clock of a file that cannot be read"
                    )
                del placed[name]  # of no video here: never looked up
                continue
            placed[name] = [_moved(row, float(times_s[0])) for row in rows]
        if times_s is not None:
            told = _compare(table, name, placed[name], times_s)
            if not told and not table.clock[name] and abs(times_s[0]) > NEAR_ZERO_S:
                unstated.append((name, float(times_s[0])))
    if unstated:
        name, at_s = unstated[0]
        warnings.warn(
            f"{table.where}: {len(unstated)} labelled videos do not begin at 0 (the first frame of {name} is at {at_s:.3f} s of "
            "the file's clock), and their labels are taken as times of that clock; a column clock (file, or player for times "
            "read in a player) says so for certain",
            InputWarning,
            stacklevel=2,
        )
    return placed


def _moved(segment: Segment, by_s: float) -> Segment:
    return segment._replace(start_s=segment.start_s + by_s, end_s=segment.end_s + by_s)


def _compare(table: LabelTable, name: str, placed: list[Segment], times_s: np.ndarray) -> bool:
    """Refuses labels that cover no frame; warns where all of them fit the other clock better, and says whether it did."""
    at_s, end_s, stated = float(times_s[0]), float(times_s[-1]), table.clock[name]
    other = [_moved(segment, -at_s if stated == "player" else at_s) for segment in placed]
    hint = ""
    if abs(at_s) > NEAR_ZERO_S:
        hint = (
            f"; its first frame is at {at_s:.3f} s of the file's clock, at 0 s of a player's: say in a column clock which the "
            f"times are on (file or player{', now ' + stated if stated else ''})"
        )
    for segment, where in zip(placed, table.rows[name]):
        if _frames(times_s, segment) == 0:
            raise InputError(
                f"{where}: {name}: {segment.label!r} from {segment.start_s:.3f} to {segment.end_s:.3f} s covers no frame; the "
                f"file's frames run from {at_s:.3f} to {end_s:.3f} s{hint}"
            )
    fits, fits_other = (sum(_covered_s(times_s, one) for one in rows) for rows in (placed, other))
    better = stated != "file" and abs(at_s) > NEAR_ZERO_S and fits_other > fits + NEAR_ZERO_S
    if better:
        whole_s = sum(one.end_s - one.start_s for one in placed)
        warnings.warn(
            f"{table.where}: {name}: {fits / whole_s:.0%} of the labelled time lies on frames, but "
            f"{fits_other / whole_s:.0%} would if the times were on the other clock{hint}",
            InputWarning,
            stacklevel=3,
        )
    return better


def _frames(times_s: np.ndarray, segment: Segment) -> int:
    """How many frames bear the label, as ``Segments.at`` looks them up."""
    low, high = np.searchsorted(times_s[:-1] + TOLERANCE_S, [segment.start_s, segment.end_s], side="left")
    return int(high - low)


def _covered_s(times_s: np.ndarray, segment: Segment) -> float:
    return max(0.0, min(segment.end_s, float(times_s[-1])) - max(segment.start_s, float(times_s[0])))
