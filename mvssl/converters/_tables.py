"""What every converter writes: ``videos.csv`` (one row a video) and ``segments.csv`` (seconds) in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mvssl import files
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments, write_segments
from mvssl.types import Video

COLUMNS = ("id", "path", "start_s", "end_s", "fps", "num_frames", "session", "camera", "group", "split", "label")


def segments_of_frames(labels: Sequence[int] | np.ndarray, fps: float, name: str = "{}") -> list[Segment]:
    """Runs of equal labels as segments; frame k is shown from k / fps to (k + 1) / fps. Negative = not labelled.

    Args:
        labels: (T,) integers.
        fps: frames per second.
        name: the label's words, e.g. "squat/{}".
    """
    values = np.asarray(labels)
    if not len(values):
        return []
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    ends = [*starts[1:], len(values)]
    return [Segment(a / fps, b / fps, name.format(int(values[a]))) for a, b in zip(starts, ends) if values[a] >= 0]


def write_dataset(folder: Path, videos: Sequence[Video], segments: Segments | None = None) -> None:
    """Writes the tables; says what was written.

    Raises:
        InputError: no videos, or an id that occurs twice.
    """
    if not videos:
        raise InputError(f"{folder}: nothing to write: no video of the data set was found")
    ids = [video.id for video in videos]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(f"the data set names the video {twice!r} twice")
    rows = []
    for video in videos:
        row = [getattr(video, name) for name in COLUMNS]
        row[COLUMNS.index("start_s")] = "" if np.isinf(video.start_s) else video.start_s
        row[COLUMNS.index("end_s")] = "" if np.isinf(video.end_s) else f"{video.end_s:.6f}"
        rows.append(row)
    files.write_csv(folder / "videos.csv", COLUMNS, rows)
    counts = {split or "no split": sum(v.split == split for v in videos) for split in sorted({v.split for v in videos})}
    print(f"{folder / 'videos.csv'}: {len(videos)} videos ({', '.join(f'{n} {split}' for split, n in counts.items())})")
    if segments is not None:
        write_segments(segments, folder / "segments.csv")
        number = sum(map(len, segments.values()))
        print(f"{folder / 'segments.csv'}: {number} segments of {len(segments)} videos, {len(segments.labels)} labels")
