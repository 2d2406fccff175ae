"""Segment scores of frame labels: edit score and F1 at overlaps (Lea et al. 2017), with their protocol.

    edit     = 100 (1 - Levenshtein(segments found, segments true) / max(number of either)), order of labels only
    F1@q     = of segments; one found is right if, among the true ones of its label, the one that it overlaps most has
               IoU >= q and is not yet taken

Segments of a background class are left out of both lists, after they have parted what they part; the scores are means over
videos. With that the predictions that the authors published give the values of their Table 1 (docs/evaluation.md). Frames
without a true label are cut out of both sequences first (their data have none).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import checked_labels, groups, is_labelled
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation.phase_classification import PhaseClassification
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import PERCENT, interval_of_mean, interval_of_sums

BACKGROUND = ("background",)


def segment_scores(
    found: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    *,
    overlaps: Sequence[float] = (0.1, 0.25, 0.5),
    background: Sequence[str | int] = BACKGROUND,
    over: Literal["videos", "segments"] = "videos",
    units: Sequence[Hashable] | None = None,
) -> Result:
    """Edit score and F1 of label sequences.

    Args:
        found, truth: (T_i,) labels of each video.
        overlaps: least IoU of a right segment.
        background: labels whose segments do not count; () where every label does.
        over: "videos": F1 is the mean over videos, as published; "segments": it is of the segments of all videos together,
            so that long videos weigh more. The edit score is a mean over videos in both.
        units: of each video, what it belongs to; None: every video is independent.

    Returns:
        value, per_video, interval: "edit" and "F1@10", "F1@25", ..., in percent. undefined: videos without a true segment.

    Raises:
        InputError: labels that do not fit, another word for ``over``.
    """
    if over not in ("videos", "segments"):
        raise InputError(f"over must be 'videos' or 'segments', got {over!r}")
    found = checked_labels(found, truth)
    names = ["edit", *(f"F1@{round(100 * overlap)}" for overlap in overlaps)]
    per_video = {name: np.full(len(found), np.nan) for name in names}
    counts = np.zeros((len(found), len(overlaps), 3))  # right, found, true segments
    ignored = {str(label) for label in background}
    for i, (guess, true) in enumerate(zip(found, map(np.asarray, truth))):
        keep = is_labelled(true)
        a, b = _segments(guess[keep], ignored), _segments(true[keep], ignored)
        if not b:
            continue
        per_video["edit"][i] = 100 * (1 - _levenshtein([s[2] for s in a], [s[2] for s in b]) / max(len(a), len(b)))
        for j, overlap in enumerate(overlaps):
            counts[i, j] = _num_right(a, b, overlap), len(a), len(b)
            per_video[names[j + 1]][i] = float(_f1(counts[i, j][None])[0])
    value = {name: mean_defined(values) for name, values in per_video.items()}
    interval = {name: interval_of_mean(v, units=units, bounds=PERCENT) for name, v in per_video.items()}
    if over == "segments":
        for j, name in enumerate(names[1:]):
            value[name] = float(_f1(counts[:, j].sum(0)[None])[0])
            interval[name] = interval_of_sums(counts[:, j], _f1, units=units, bounds=PERCENT)
    undefined = int(np.isnan(per_video["edit"]).sum())
    return Result(value, per_video, undefined, interval, details={"undefined": "videos", "over": over})


def _segments(labels: np.ndarray, ignored: set[str]) -> list[tuple[int, int, str]]:
    if not len(labels):
        return []
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    ends = [*starts[1:], len(labels)]
    return [(int(a), int(b), str(labels[a])) for a, b in zip(starts, ends) if str(labels[a]) not in ignored]


def _levenshtein(a: list[str], b: list[str]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _num_right(found: list[tuple[int, int, str]], truth: list[tuple[int, int, str]], overlap: float) -> int:
    taken: set[int] = set()
    for start, end, label in found:
        shares = [
            (max(0, min(end, e) - max(start, s)) / (max(end, e) - min(start, s)) if name == label else -1.0, -i)
            for i, (s, e, name) in enumerate(truth)
        ]
        share, i = max(shares)
        if share >= overlap:
            taken.add(-i)
    return len(taken)


def _f1(counts: np.ndarray) -> np.ndarray:
    right, found, true = counts[:, 0], counts[:, 1], counts[:, 2]
    return np.divide(200 * right, found + true, out=np.full(len(counts), np.nan), where=found + true > 0)


class Segmentation:
    """Segment scores of the frame labels that a linear classifier gives.

    Args:
        overlaps: least IoU of a right segment.
        background: labels whose segments do not count.
        over: "videos" or "segments" (see ``segment_scores``).
        by_action: one classifier per action (videos of the same ``label``).
    """

    def __init__(
        self,
        *,
        overlaps: tuple[float, ...] = (0.1, 0.25, 0.5),
        background: tuple[str, ...] = BACKGROUND,
        over: Literal["videos", "segments"] = "videos",
        by_action: bool = False,
    ):
        self.overlaps, self.background, self.over, self.by_action = overlaps, background, over, by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Fits on ``train``, tests on ``frames``; see ``PhaseClassification`` for errors."""
        if labels is None:
            raise InputError("segmentation needs labels")
        found = PhaseClassification(by_action=self.by_action).evaluate(frames, labels, train).details["predictions"]
        truth = [labels.at(video.video, video.time_s) for video in frames]
        units = tuple(groups(frames))
        result = segment_scores(
            [np.asarray(row, dtype=str) for row in found], truth, overlaps=self.overlaps, background=self.background,
            over=self.over, units=units,
        )  # fmt: skip
        return Result(**{**vars(result), "videos": tuple(frames.ids), "units": units})
