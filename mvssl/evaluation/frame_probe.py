"""Linear probe of single frames with many classes: elements of FineGym99 and FineGym288.

A linear layer with softmax on frozen embeddings of unit length, labelled frames only, trained by stochastic gradient
descent as in the published code of CARL (Chen et al. 2022): momentum 0.9, weight decay 1e-6, learning rate 50
falling by a cosine to 0 over 100 epochs, batches of the frames of 10 videos, the last incomplete batch left out; accuracy
of the frames of the validation videos after the last epoch. Departures: videos are shuffled with a seed; with fewer than
10 training videos all are one batch; fractions of the training videos are drawn, not the first of the list; the mean
over classes of the recall stands beside the accuracy.
"""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import check_split, checked_embeddings, frame_labels, groups, is_labelled
from mvssl.evaluation._result import Result
from mvssl.evaluation._sets import draw_videos
from mvssl.evaluation.controls import accuracy_and_recall, phase_controls
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import SHARE, interval_of_sums


class FrameProbe:
    """Accuracy of a linear softmax layer trained by gradient descent: for frames labelled by element class.

    Args:
        epochs, learning_rate, momentum, weight_decay: of the training.
        videos_per_batch: whose labelled frames make a batch.
        fraction: share of the training videos, drawn stratified by action.
        seed: of the draw and of the order of the videos.
    """

    def __init__(
        self,
        *,
        epochs: int = 100,
        learning_rate: float = 50.0,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        videos_per_batch: int = 10,
        fraction: float = 1.0,
        seed: int = 0,
    ):
        self.epochs, self.learning_rate, self.momentum, self.weight_decay = (
            epochs, learning_rate, momentum, weight_decay,
        )  # fmt: skip
        self.videos_per_batch, self.fraction, self.seed = videos_per_batch, fraction, seed

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value, per_video, interval: "accuracy" (of frames); value also "recall" (mean over classes).

        undefined: validation videos without a labelled frame. Controls: majority, time only.

        Raises:
            InputError: no labels or training videos, no labelled frame in a split, a leaky split.
        """
        from mvssl.evaluation._softmax_layer import classify, softmax_layer  # torch

        if labels is None or train is None:
            raise InputError("the frame probe needs labels and training videos")
        check_split(train, frames)
        checked_embeddings([*train.embeddings, *frames.embeddings], [*train.ids, *frames.ids])
        train = draw_videos(train, self.fraction, np.random.default_rng(self.seed))
        y, z = frame_labels(train, labels), frame_labels(frames, labels)
        for name, every in (("training", y), ("validation", z)):
            if not any(is_labelled(row).any() for row in every):
                raise InputError(f"no labelled frame in the {name} videos; give labels for them")
        classes = np.unique(np.concatenate([row[is_labelled(row)] for row in y]))
        layer = softmax_layer(
            *_labelled(train, y), classes,
            epochs=self.epochs, learning_rate=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay,
            videos_per_batch=self.videos_per_batch, generator=np.random.default_rng(self.seed),
        )  # fmt: skip
        rows, truths = _labelled(frames, z)
        guesses = [classify(layer, each, classes) for each in rows]
        sums = np.array([((truth == guess).sum(), len(truth)) for truth, guess in zip(truths, guesses)], dtype=float)
        per_video = np.divide(sums[:, 0], sums[:, 1], out=np.full(len(frames), np.nan), where=sums[:, 1] > 0)
        return Result(
            value=accuracy_and_recall(np.concatenate(truths), np.concatenate(guesses)),
            per_video={"accuracy": per_video},
            undefined=int((sums[:, 1] == 0).sum()),
            interval={"accuracy": interval_of_sums(sums, _share, units=groups(frames), bounds=SHARE)},
            controls=phase_controls(train, y, frames, z),
            videos=tuple(frames.ids),
            units=tuple(groups(frames)),
            details={"num_classes": len(classes), "num_train_videos": len(train), "undefined": "videos"},
        )


def _labelled(frames: Frames, labels: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each video the labelled rows, (T_i, D) float32, and their labels."""
    rows = [np.asarray(video.embedding[is_labelled(y)], dtype=np.float32) for video, y in zip(frames, labels)]
    return rows, [y[is_labelled(y)] for y in labels]


def _share(sums: np.ndarray) -> np.ndarray:
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
