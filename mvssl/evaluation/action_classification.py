"""Action classification of whole videos from frozen features: linear probe, nearest neighbours, retrieval.

Features are L2-normalised. Linear: multinomial logistic regression on single clips, the class scores of a video's clips
averaged (CVRL's protocol averages 10 clips x 3 crops; they train the layer by SGD, here it is solved by L-BFGS). kNN: a
vote of the k nearest training videos weighted by exp(similarity / temperature) (Wu et al. 2018, who take k = 200, too
many for small sets: 20 is the default). R@k: share of the test
videos with a training video of their class among the k nearest by cosine (as for UCF101 and HMDB51: test searches
train).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import check_split, checked_embeddings, groups
from mvssl.evaluation._result import Result
from mvssl.evaluation.controls import accuracy_and_recall
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.neighbours import top_k
from mvssl.series import unit_rows
from mvssl.statistics import SHARE, interval_of_mean


def action_classification(
    train_clips: Sequence[np.ndarray],
    train_labels: Sequence[str],
    val_clips: Sequence[np.ndarray],
    val_labels: Sequence[str],
    *,
    k: int = 20,
    temperature: float = 0.07,
    ranks: Sequence[int] = (1, 5, 10, 20, 50),
    normalise: bool = True,
    units: Sequence[Hashable] | None = None,
) -> Result:
    """Linear probe, kNN and retrieval of videos.

    Args:
        train_clips, val_clips: (clips, D) features of each video; one row if there is one feature per video.
        train_labels, val_labels: the action of each video, not empty.
        k: neighbours that vote, at most the number of training videos.
        temperature: of the vote.
        ranks: k of R@k; ranks above the number of training videos are left out (``details["ranks_left_out"]``).
        normalise: L2-normalise clips and videos; False takes the features as they are, and the Euclidean distance.
        units: of each validation video, what it belongs to; None: every video is independent.

    Returns:
        value, per_video, interval: "linear", "knn" (accuracies), "linear_recall" (mean over classes; value only),
            "R@1",
        .... controls: "majority". undefined: 0. details["per_class"]: recall of the linear probe.

    Raises:
        InputError: a broken feature, a video without action, a single action.
    """
    from sklearn.linear_model import LogisticRegression

    train, val = checked_embeddings(train_clips), checked_embeddings(val_clips)
    for labels, videos, split in ((train_labels, train, "training"), (val_labels, val, "validation")):
        if len(labels) != len(videos) or not all(labels):
            raise InputError(f"each {split} video needs an action; set ``label`` in the index")
    y, z = np.array(train_labels), np.array(val_labels)
    if len(np.unique(y)) < 2:
        raise InputError(f"action classification needs two actions in training; all are {str(y[0])!r}")

    def unit(rows: np.ndarray) -> np.ndarray:
        return unit_rows(np.asarray(rows, dtype=np.float64)) if normalise else np.asarray(rows)

    clips = np.concatenate([unit(rows) for rows in train])
    model = LogisticRegression(max_iter=100_000).fit(clips, np.repeat(y, [len(rows) for rows in train]))
    scores = np.stack([model.predict_proba(unit(rows)).mean(0) for rows in val])
    linear = model.classes_[scores.argmax(1)]

    gallery = unit(np.stack([unit(rows).mean(0) for rows in train]))
    queries = unit(np.stack([unit(rows).mean(0) for rows in val]))
    used = [rank for rank in ranks if rank <= len(train)]
    found, distance = top_k(queries, gallery, min(max([k, *used]), len(train)))
    votes = np.zeros((len(val), len(model.classes_)))
    similarity = 1 - distance**2 / 2  # of unit vectors
    columns = np.searchsorted(model.classes_, y[found])
    np.add.at(votes, (np.arange(len(val))[:, None], columns[:, :k]), np.exp((similarity[:, :k] - 1) / temperature))
    knn = model.classes_[votes.argmax(1)]

    right = y[found] == z[:, None]
    per_video = {"linear": (linear == z).astype(float), "knn": (knn == z).astype(float)}
    per_video |= {f"R@{rank}": right[:, :rank].any(1).astype(float) for rank in used}
    names, counts = np.unique(y, return_counts=True)
    most = float((z == names[counts.argmax()]).mean())
    return Result(
        value={name: float(values.mean()) for name, values in per_video.items()}
        | {"linear_recall": accuracy_and_recall(z, linear)["recall"]},
        per_video=per_video,
        interval={name: interval_of_mean(v, units=units, bounds=SHARE) for name, v in per_video.items()},
        controls={"majority": {"linear": most, "knn": most, "linear_recall": 1 / len(np.unique(z))}},
        details={
            "per_class": {str(name): float((linear == z)[z == name].mean()) for name in np.unique(z)},
            "num_train_videos": len(train),
            "ranks_left_out": [rank for rank in ranks if rank > len(train)],
        },
    )


class ActionClassification:
    """Action (``label``) of each video from the mean of its frames, or from clip features.

    Args:
        column: "" = mean over the frames of ``embedding``; else the name of a column of clip features (rows of NaN are
            passed over), one clip per row.
        k: neighbours that vote.
        temperature: of the vote.
    """

    def __init__(self, *, column: str = "", k: int = 20, temperature: float = 0.07):
        self.column, self.k, self.temperature = column, k, temperature

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Fits on ``train``, tests on ``frames``; segments are not used. Controls: majority, duration only.

        Raises:
            InputError: no training videos, a leaky split, a missing column.
        """
        if train is None:
            raise InputError("action classification needs training videos")
        check_split(train, frames)
        actions = [[video.label for video in part] for part in (train, frames)]
        settings: dict[str, Any] = {"k": self.k, "temperature": self.temperature, "units": groups(frames)}
        result = action_classification(self._clips(train), actions[0], self._clips(frames), actions[1], **settings)
        clocks = _durations(train, frames)
        duration = action_classification(clocks[0], actions[0], clocks[1], actions[1], normalise=False, **settings)
        controls = {**result.controls, "duration only": duration.value}
        return Result(
            **{**vars(result), "controls": controls, "videos": tuple(frames.ids), "units": tuple(groups(frames))}
        )

    def _clips(self, frames: Frames) -> list[np.ndarray]:
        if not self.column:
            return [video.embedding.mean(0, keepdims=True) for video in frames]
        for video in frames:
            if self.column not in video.extra:
                raise InputError(f"{video.video}: no column {self.column!r}; the table has {sorted(video.extra)}")
        rows = [video.extra[self.column] for video in frames]
        return [clips[np.isfinite(clips).any(1)] for clips in rows]


def _durations(train: Frames, val: Frames) -> list[list[np.ndarray]]:
    """(1, 2) of each video: its log duration in standard deviations of the training videos, and the square of it."""
    logs = [np.log([v.time_s[-1] - v.time_s[0] + 1e-3 for v in part]) for part in (train, val)]
    scaled = [(values - logs[0].mean()) / max(float(logs[0].std()), 1e-9) for values in logs]
    return [[np.array([[value, value**2]]) for value in values] for values in scaled]
