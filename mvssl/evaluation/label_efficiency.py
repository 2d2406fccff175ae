"""How few labels a representation needs: phase classification on fractions of the training videos, and on 1 to 10 of
them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, check_split, checked_embeddings, frame_labels
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation._sets import draw_videos
from mvssl.evaluation.controls import accuracy_and_recall
from mvssl.evaluation.phase_classification import Classifier, fit_classifier, labelled_rows
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import SHARE, interval_of_mean


class LabelEfficiency:
    """Phase classification with few training videos, each setting in several seeded draws.

    Fractions are drawn within each action (``label``), whole videos, at least one of each action. Published code takes
    the first videos in order of the files instead, once. Few-shot: ``shots`` videos x ``episodes`` (Dwibedi et al.
    2019).

    Args:
        fractions: shares of the training videos.
        draws: seeded draws of each fraction (the whole set is fitted once).
        shots: numbers of videos of the few-shot episodes; empty = none.
        episodes: draws of each number of shots.
        classifier: "logistic" or "svm".
        seed: of all draws.
        by_action: one classifier per action (videos of the same ``label``), averaged; ``shots`` are then of each.
    """

    def __init__(
        self,
        *,
        fractions: tuple[float, ...] = (0.1, 0.5, 1.0),
        draws: int = 5,
        shots: tuple[int, ...] = (),
        episodes: int = 50,
        classifier: Classifier = "logistic",
        seed: int = 42,
        by_action: bool = False,
    ):
        self.fractions, self.draws, self.shots = fractions, draws, shots
        self.episodes, self.classifier, self.seed = episodes, classifier, seed
        self.by_action = by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "recall@10%", "accuracy@10%", ..., "recall@3 videos", ...: means over draws.

        interval: over draws of the training videos, not over the tested ones. details: every draw.

        Raises:
            InputError: no labels or training videos, a leaky split, more shots than training videos.
        """
        if labels is None or train is None:
            raise InputError("label efficiency needs labels and training videos")
        check_split(train, frames)
        checked_embeddings([*train.embeddings, *frames.embeddings], [*train.ids, *frames.ids])
        generator = np.random.default_rng(self.seed)
        drawn: dict[str, list[Frames]] = {}
        for fraction in self.fractions:
            times = 1 if fraction == 1 else self.draws
            drawn[f"{100 * fraction:g}%"] = [draw_videos(train, fraction, generator) for _ in range(times)]
        for shots in self.shots:
            drawn[f"{shots} videos"] = [self._few(train, shots, generator) for _ in range(self.episodes)]

        value: dict[str, float] = {}
        interval: dict[str, tuple[float, float]] = {}
        details: dict[str, Any] = {"num_videos": {name: len(sets[0]) for name, sets in drawn.items()}}
        for name, sets in drawn.items():
            scores = [self._score(part, frames, labels) for part in sets]
            for measure in ("recall", "accuracy"):
                values = np.array([score[measure] for score in scores])
                value[f"{measure}@{name}"] = float(values.mean())
                interval[f"{measure}@{name}"] = interval_of_mean(values, bounds=SHARE)
                details[f"{measure}@{name}"] = values
        return Result(value=value, interval=interval, details=details)

    def _few(self, train: Frames, shots: int, generator: np.random.Generator) -> Frames:
        parts = by_label(train).values() if self.by_action else [train]
        for part in parts:
            if shots > len(part):
                raise InputError(f"{shots} shots, but only {len(part)} training videos")
        return Frames([part[int(i)] for part in parts for i in generator.choice(len(part), shots, replace=False)])

    def _score(self, train: Frames, frames: Frames, labels: Segments) -> dict[str, float]:
        scores = []
        for name, val in (by_label(frames) if self.by_action else {"": frames}).items():
            part = train.where(label=name) if self.by_action else train
            x, y = labelled_rows(part.embeddings, frame_labels(part, labels), "training")
            z, truth = labelled_rows(val.embeddings, frame_labels(val, labels), "validation")
            scores.append(accuracy_and_recall(truth, fit_classifier(x, y, self.classifier).predict(z)))
        return {measure: mean_defined([score[measure] for score in scores]) for measure in ("recall", "accuracy")}
