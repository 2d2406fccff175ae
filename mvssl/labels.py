"""Label tables in seconds: which segment of which video bears which label. Read, checked, looked up, written."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import csv_cells, files
from mvssl.errors import InputError

TOLERANCE_S = 5e-4  # label times have four decimals; compare with half a millisecond


class Segment(NamedTuple):
    """One labelled stretch: a frame bears the label if start_s <= time_s < end_s."""

    start_s: float
    end_s: float
    label: str


class Segments(dict[str, list[Segment]]):
    """Segments by video id, each list sorted by start and free of overlap."""

    def at(self, video_id: str, time_s: np.ndarray) -> np.ndarray:
        """Labels at the given times of a video: (T,) of str, "" where no segment covers the time (or no video)."""
        found = np.full(len(time_s), "", dtype=object)
        segments = self.get(video_id, [])
        if segments:
            starts = np.array([segment.start_s for segment in segments])
            row = np.searchsorted(starts, np.asarray(time_s) + TOLERANCE_S, side="right") - 1
            for i, (index, time) in enumerate(zip(row, time_s)):
                if index >= 0 and time + TOLERANCE_S < segments[index].end_s:
                    found[i] = segments[index].label
        return found.astype(str)

    @property
    def labels(self) -> list[str]:
        """All labels, in order of the first appearance."""
        return list(dict.fromkeys(segment.label for segments in self.values() for segment in segments))


def read_segments(path: str | Path) -> Segments:
    """Reads ``video,start_s,end_s,label`` (CSV, end exclusive, seconds of the presentation time).

    Raises:
        InputError: missing file or column, a time that is no number, end before start, overlapping segments; the
            message names the row.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such label table; expected a CSV with columns video,start_s,end_s,label")
    found: dict[str, list[Segment]] = {}
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = {"video", "start_s", "end_s", "label"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{path}: no column {', '.join(sorted(missing))}; found {reader.fieldnames}")
        for number, cells in enumerate(reader, start=2):
            row = csv_cells.from_cells(cells)
            try:
                start_s, end_s = float(row["start_s"]), float(row["end_s"])
            except ValueError as error:
                raise InputError(f"{path}, row {number}: start_s and end_s must be seconds; {error}") from None
            if not end_s > start_s:
                raise InputError(f"{path}, row {number}: end_s {end_s} must lie after start_s {start_s}")
            if row["label"]:
                found.setdefault(row["video"], []).append(Segment(start_s, end_s, row["label"]))
    for video, segments in found.items():
        segments.sort()
        for before, after in zip(segments, segments[1:]):
            if after.start_s < before.end_s - 2 * TOLERANCE_S:
                raise InputError(f"{path}: {video}: {before} and {after} overlap; a frame has one label")
    return Segments(found)


def write_segments(segments: Segments, path: str | Path) -> None:
    """Writes the table that ``read_segments`` reads; times with four decimals."""
    rows = [
        [video, f"{row.start_s:.4f}", f"{row.end_s:.4f}", row.label] for video, rows in segments.items() for row in rows
    ]
    files.write_csv(path, ["video", "start_s", "end_s", "label"], rows)
