"""How few labels a representation needs: phase classification on fractions of the training videos, and on 1 to 10 of
them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mvssl.embedding.tables import Frames
from mvssl.errors import InputError
from mvssl.evaluation._checks import check_split, frame_labels
from mvssl.evaluation._result import Result
from mvssl.evaluation._sets import draw_videos
from mvssl.evaluation.phase_classification import Classifier, phase_classification
from mvssl.labels import Segments


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
    ):
        self.fractions, self.draws, self.shots = fractions, draws, shots
        self.episodes, self.classifier, self.seed = episodes, classifier, seed

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "recall@10%", "accuracy@10%", ..., "recall@3 videos", ...: means over draws.

        interval: mean -+ 1.96 standard errors over draws. details: every draw.

        Raises:
            InputError: no labels or training videos, a leaky split, more shots than training videos.
        """
        if labels is None or train is None:
            raise InputError("label efficiency needs labels and training videos")
        check_split(train, frames)
        generator = np.random.default_rng(self.seed)
        drawn: dict[str, list[Frames]] = {}
        for fraction in self.fractions:
            times = 1 if fraction == 1 else self.draws
            drawn[f"{100 * fraction:g}%"] = [draw_videos(train, fraction, generator) for _ in range(times)]
        for shots in self.shots:
            if shots > len(train):
                raise InputError(f"{shots} shots, but only {len(train)} training videos")
            picks = [generator.choice(len(train), shots, replace=False) for _ in range(self.episodes)]
            drawn[f"{shots} videos"] = [Frames([train[int(i)] for i in pick]) for pick in picks]

        truth = frame_labels(frames, labels)
        value: dict[str, float] = {}
        interval: dict[str, tuple[float, float]] = {}
        details: dict[str, Any] = {"num_videos": {name: len(sets[0]) for name, sets in drawn.items()}}
        for name, sets in drawn.items():
            scores = [
                phase_classification(
                    part.embeddings, frame_labels(part, labels), frames.embeddings, truth, classifier=self.classifier
                ).value
                for part in sets
            ]
            for measure in ("recall", "accuracy"):
                values = np.array([score[measure] for score in scores])
                error = 1.96 * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
                value[f"{measure}@{name}"] = float(values.mean())
                interval[f"{measure}@{name}"] = (float(values.mean() - error), float(values.mean() + error))
                details[f"{measure}@{name}"] = values
        return Result(value=value, interval=interval, details=details)
