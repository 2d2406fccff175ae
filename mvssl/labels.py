"""Label tables in seconds: which segment of which video bears which label. Read, checked, looked up, written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import files
from mvssl.brief import cut
from mvssl.errors import InputError
from mvssl.rows import clean, read_rows

CLOCKS = ("file", "player")
TOLERANCE_S = 5e-4  # label times have four decimals; compare with half a millisecond


class Segment(NamedTuple):
    """One labelled stretch: a frame bears the label if start_s <= time_s < end_s."""

    start_s: float
    end_s: float
    label: str


class Segments(dict[str, list[Segment]]):
    """Segments by video id, each list sorted by start and free of overlap."""

    def __repr__(self) -> str:
        number, labels = sum(map(len, self.values())), self.labels
        return cut(f"Segments({len(self)} videos, {number} segments, {len(labels)} labels: {', '.join(labels[:8])})")

    def at(self, video_id: str, time_s: np.ndarray) -> np.ndarray:
        """Labels at the given times of a video: (T,) of str, "" where no segment covers the time (or no video)."""
        found = np.full(len(time_s), "", dtype=object)
        segments = self.get(video_id) or self.get(clean(video_id), [])
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


class LabelTable(NamedTuple):
    """A label table as it is written, before its times are put on the clock of the files."""

    where: str
    segments: Segments  # on the clock that the table states
    clock: dict[str, str]  # by video: "file", "player", or "" where the table does not say
    rows: dict[str, list[str]]  # by video, in the order of its segments: file and row of each


def labels_beside(dataset: str | Path) -> Path:
    """Where the labels of a data set are, if it has any: ``segments.csv`` in its folder, or beside its table or list."""
    dataset = Path(dataset)
    return (dataset if dataset.is_dir() else dataset.parent) / "segments.csv"


def read_label_table(path: str | Path) -> LabelTable:
    """Reads ``video,start_s,end_s,label[,clock]`` (csv or tsv, end exclusive, seconds).

    ``clock`` is "file" (presentation times, as ``Decoder.times_s``) or "player" (0 at the file's first frame). Rows without
    a label are left out. ``mvssl.video.read_labels`` puts the times on the clock of the files and compares them with the
    frames.

    Raises:
        InputError: missing file or column, cells that do not match the header, a time that is no finite number, end before
            start, overlapping segments, two clocks for a video; the message names row and column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such label table; expected a CSV with columns video,start_s,end_s,label")
    found: dict[str, list[tuple[Segment, str]]] = {}
    clock: dict[str, str] = {}
    for row in read_rows(path, needs=("video", "start_s", "end_s", "label")):
        video, stated = row.text("video"), row.text("clock")
        if not video:
            raise InputError(f"{row.where}, column video: empty")
        if stated not in ("", *CLOCKS):
            raise InputError(f"{row.where}, column clock: {stated!r}; known are {' and '.join(CLOCKS)}")
        if clock.setdefault(video, stated) != stated:
            raise InputError(f"{row.where}, column clock: {stated!r}, but {clock[video]!r} in other rows of {video}")
        segment = Segment(row.number("start_s"), row.number("end_s"), row.text("label"))
        if not segment.end_s > segment.start_s:
            raise InputError(f"{row.where}, column end_s: {segment.end_s:g} must lie after start_s {segment.start_s:g}")
        if segment.label:
            found.setdefault(video, []).append((segment, row.where))
    segments, rows = Segments(), {}
    for video, pairs in found.items():
        pairs.sort(key=lambda pair: pair[0])
        for (before, _), (after, where) in zip(pairs, pairs[1:]):
            if after.start_s < before.end_s - 2 * TOLERANCE_S:
                raise InputError(f"{where}, column start_s: {video}: {after} overlaps {before}; a frame has one label")
        segments[video] = [segment for segment, _ in pairs]
        rows[video] = [where for _, where in pairs]
    return LabelTable(str(path), segments, clock, rows)


def read_segments(path: str | Path) -> Segments:
    """The segments of a label table, their times as they are written; see ``read_label_table``.

    A table whose column ``clock`` says "player" counts from the first frame: ``mvssl.video.read_labels``, which every
    command uses, puts such times on the clock of the files.
    """
    return read_label_table(path).segments


def write_segments(segments: Segments, path: str | Path, *, clock: str = "") -> None:
    """Writes the table that ``read_segments`` reads; times with four decimals. A ``clock`` is stated in every row."""
    stated = [clock] if clock else []
    rows = [
        [video, f"{row.start_s:.4f}", f"{row.end_s:.4f}", row.label, *stated]
        for video, found in segments.items()
        for row in found
    ]
    files.write_csv(path, ["video", "start_s", "end_s", "label", *(["clock"] if clock else [])], rows)
