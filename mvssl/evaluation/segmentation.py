"""Segment scores of frame labels: edit score and F1 at overlaps (Lea et al. 2017).

    edit     = 100 (1 - Levenshtein(segments found, segments true) / max(number of either)), order of labels only
    F1@q     = of segments; one found is right if it overlaps a true one of its label, not yet taken, with IoU >= q

Frames without a true label are cut out of both sequences first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mvssl.embedding.tables import Frames
from mvssl.errors import InputError
from mvssl.evaluation._checks import checked_labels, is_labelled
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation.phase_classification import PhaseClassification
from mvssl.labels import Segments
from mvssl.statistics import bootstrap_interval, bootstrap_mean


def segment_scores(
    found: Sequence[np.ndarray], truth: Sequence[np.ndarray], *, overlaps: Sequence[float] = (0.1, 0.25, 0.5)
) -> Result:
    """Edit score and F1 of label sequences.

    Args:
        found, truth: (T_i,) labels of each video.
        overlaps: least IoU of a right segment.

    Returns:
        value: "edit" (mean over videos) and "F1@10", "F1@25", ... (over all segments), in percent. per_video: the same
            of
        each video. undefined: videos without a true label.
    """
    found = checked_labels(found, truth)
    names = ["edit", *(f"F1@{round(100 * overlap)}" for overlap in overlaps)]
    per_video = {name: np.full(len(found), np.nan) for name in names}
    counts = np.zeros((len(found), len(overlaps), 3))  # right, found, true segments
    for i, (guess, true) in enumerate(zip(found, map(np.asarray, truth))):
        keep = is_labelled(true)
        if not keep.any():
            continue
        a, b = _segments(guess[keep]), _segments(true[keep])
        per_video["edit"][i] = 100 * (1 - _levenshtein([s[2] for s in a], [s[2] for s in b]) / max(len(a), len(b)))
        for j, overlap in enumerate(overlaps):
            counts[i, j] = _num_right(a, b, overlap), len(a), len(b)
            per_video[names[j + 1]][i] = float(_f1(counts[i, j][None])[0])
    generator = np.random.default_rng(0)
    value, interval = {}, {}
    for j, name in enumerate(names):
        if name == "edit":
            value[name] = mean_defined(per_video[name])
            interval[name] = bootstrap_mean(per_video[name], generator=generator)
        else:
            value[name] = float(_f1(counts[:, j - 1].sum(0)[None])[0])
            interval[name] = bootstrap_interval(counts[:, j - 1], _f1, generator=generator)
    undefined = int(np.isnan(per_video["edit"]).sum())
    return Result(value, per_video, undefined, interval, details={"undefined": "videos"})


def _segments(labels: np.ndarray) -> list[tuple[int, int, str]]:
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    return [(int(a), int(b), str(labels[a])) for a, b in zip(starts, [*starts[1:], len(labels)])]


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
        if share >= overlap and -i not in taken:
            taken.add(-i)
    return len(taken)


def _f1(counts: np.ndarray) -> np.ndarray:
    right, found, true = counts[:, 0], counts[:, 1], counts[:, 2]
    return np.divide(200 * right, found + true, out=np.full(len(counts), np.nan), where=found + true > 0)


class Segmentation:
    """Segment scores of the frame labels that a linear classifier gives.

    Args:
        overlaps: least IoU of a right segment.
        by_action: one classifier per action (videos of the same ``label``).
    """

    def __init__(self, *, overlaps: tuple[float, ...] = (0.1, 0.25, 0.5), by_action: bool = False):
        self.overlaps, self.by_action = overlaps, by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Fits on ``train``, tests on ``frames``; see ``PhaseClassification`` for errors."""
        if labels is None:
            raise InputError("segmentation needs labels")
        found = PhaseClassification(by_action=self.by_action).evaluate(frames, labels, train).details["predictions"]
        truth = [labels.at(video.video, video.time_s) for video in frames]
        result = segment_scores([np.asarray(row, dtype=str) for row in found], truth, overlaps=self.overlaps)
        return Result(**{**vars(result), "videos": tuple(frames.ids)})
