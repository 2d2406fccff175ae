"""Phase classification: a linear (or RBF) classifier of frozen frame embeddings, fitted on training videos.

Published protocols: logistic regression (CARL), RBF SVM (TCC, LAV, AE2), both with scikit-learn's standard settings and
unscaled features, frames without label left out, frame accuracy. Classes are uneven: the mean per-class
recall stands beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from mvssl.errors import InputError
from mvssl.evaluation._checks import (
    by_label,
    check_split,
    checked_embeddings,
    checked_labels,
    frame_labels,
    groups,
    is_labelled,
)
from mvssl.evaluation._result import Result
from mvssl.evaluation._sets import draw_videos, merged
from mvssl.evaluation.controls import accuracy_and_recall, phase_controls
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import SHARE, interval_of_sums

Classifier = Literal["logistic", "svm"]


def phase_classification(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[np.ndarray],
    val_embeddings: Sequence[np.ndarray],
    val_labels: Sequence[np.ndarray],
    *,
    classifier: Classifier = "logistic",
    units: Sequence[Hashable] | None = None,
) -> Result:
    """Fits on the labelled training frames, tests on the labelled validation frames.

    Args:
        train_embeddings, val_embeddings: (T_i, D) of each video.
        train_labels, val_labels: (T_i,) of each video; "" or a negative number = not labelled.
        classifier: "logistic": multinomial, L-BFGS, C = 1; "svm": RBF kernel, C = 1, gamma = "scale".
        units: of each validation video, what it belongs to; None: every video is independent.

    Returns:
        value, per_video, interval: "recall" (mean over the classes of the validation frames), "accuracy" (of frames).
        undefined: validation videos without a labelled frame. details: "per_class" recall, "confusion" (rows: truth),
        "classes", "predictions" (per video, "" where not labelled).

    Raises:
        InputError: a broken embedding, labels that do not fit, no labelled frame in a split.
    """
    train, val = checked_embeddings(train_embeddings), checked_embeddings(val_embeddings)
    train_y, val_y = checked_labels(train_labels, train), checked_labels(val_labels, val)
    x, y = labelled_rows(train, train_y, "training")
    test_x, test_y = labelled_rows(val, val_y, "validation")
    found = fit_classifier(x, y, classifier).predict(test_x)

    names = np.unique(np.concatenate([y, test_y]))
    truth, guess = np.searchsorted(names, test_y), np.searchsorted(names, found)
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, (truth, guess), 1)

    video = np.repeat(np.arange(len(val)), [is_labelled(row).sum() for row in val_y])
    hits, totals = np.zeros((2, len(val), len(names)))
    np.add.at(totals, (video, truth), 1)
    np.add.at(hits, (video, truth), truth == guess)
    sums = np.concatenate([hits, totals], axis=1)
    measures = {"recall": _mean_recall, "accuracy": _accuracy}
    return Result(
        value=accuracy_and_recall(test_y, found),
        per_video={name: measure(sums) for name, measure in measures.items()},
        undefined=int((totals.sum(1) == 0).sum()),
        interval={name: interval_of_sums(sums, f, units=units, bounds=SHARE) for name, f in measures.items()},
        details={
            "per_class": {
                str(c): float(confusion[i, i] / confusion[i].sum()) for i, c in enumerate(names) if confusion[i].any()
            },
            "classes": [str(name) for name in names],
            "confusion": confusion,
            "num_train_videos": len(train),
            "num_train_frames": len(x),
            "predictions": _predictions(val_y, found),
            "undefined": "videos",
        },
    )


def fit_classifier(x: np.ndarray, y: np.ndarray, classifier: Classifier = "logistic") -> Any:
    """A fitted scikit-learn classifier; with a single class in ``y``, one that always says that class."""
    if classifier not in ("logistic", "svm"):
        raise InputError(f"classifier must be 'logistic' or 'svm', got {classifier!r}")
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if len(np.unique(y)) == 1:
        return DummyClassifier(strategy="most_frequent").fit(x, y)
    model = LogisticRegression(max_iter=100_000) if classifier == "logistic" else SVC()
    with threadpool_limits(
        limits=1
    ):  # thousands of small products: threads that wait for each other cost ten times more
        return model.fit(x, y)


def labelled_rows(embeddings: list[np.ndarray], labels: list[np.ndarray], split: str) -> tuple[np.ndarray, np.ndarray]:
    """The labelled frames of all videos, (F, D) float64, and their labels (F,); InputError if there are none."""
    kept = [is_labelled(row) for row in labels]
    if not any(keep.any() for keep in kept):
        raise InputError(f"no labelled frame in the {split} videos; give labels for them")
    x = np.concatenate([rows[keep] for rows, keep in zip(embeddings, kept)])
    return x.astype(np.float64), np.concatenate([row[keep] for row, keep in zip(labels, kept)])


def _predictions(labels: list[np.ndarray], found: np.ndarray) -> list[np.ndarray]:
    out, start = [], 0
    for row in labels:
        keep = is_labelled(row)
        video = np.full(len(row), "", dtype=object)
        video[keep] = found[start : start + keep.sum()]
        start += keep.sum()
        out.append(video)
    return out


def _mean_recall(sums: np.ndarray) -> np.ndarray:
    hits, totals = np.split(sums, 2, axis=1)
    recall = np.divide(hits, totals, out=np.full_like(hits, np.nan), where=totals > 0)
    present = (totals > 0).sum(1)
    return np.divide(np.nansum(recall, axis=1), present, out=np.full(len(sums), np.nan), where=present > 0)


def _accuracy(sums: np.ndarray) -> np.ndarray:
    hits, totals = np.split(sums, 2, axis=1)
    total = totals.sum(1)
    return np.divide(hits.sum(1), total, out=np.full(len(sums), np.nan), where=total > 0)


class PhaseClassification:
    """Phase classification of a table of frames.

    Args:
        classifier: "logistic" or "svm" (RBF).
        fraction: share of the training videos that is used, drawn stratified by action (at least one each).
        seed: of the draw.
        by_action: one classifier per action (videos of the same ``label``), averaged, as published for Penn Action.
    """

    def __init__(
        self, *, classifier: Classifier = "logistic", fraction: float = 1.0, seed: int = 0, by_action: bool = False
    ):
        self.classifier, self.fraction, self.seed, self.by_action = classifier, fraction, seed, by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Fits on ``train``, tests on ``frames``. Controls: majority, time only (relative and absolute).

        Raises:
            InputError: no labels or training videos; a video, session or group in both.
        """
        if labels is None or train is None:
            raise InputError("phase classification needs labels and training videos")
        check_split(train, frames)
        train = draw_videos(train, self.fraction, np.random.default_rng(self.seed))
        parts = by_label(frames) if self.by_action else {"": frames}
        found = {
            name: self._one(part, train.where(label=name) if self.by_action else train, labels)
            for name, part in parts.items()
        }
        return merged(found, parts, frames)

    def _one(self, frames: Frames, train: Frames, labels: Segments) -> Result:
        y, test_y = frame_labels(train, labels), frame_labels(frames, labels)
        result = phase_classification(
            train.embeddings, y, frames.embeddings, test_y, classifier=self.classifier, units=groups(frames)
        )
        result.controls.update(phase_controls(train, y, frames, test_y))
        return result
