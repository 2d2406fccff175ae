"""Rows of every table that have learned nothing: the majority class and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import is_labelled, normalised_time
from mvssl.frames import Frames


def time_only(frames: Frames, *, kind: Literal["relative", "absolute"] = "relative") -> Frames:
    """The same videos with embeddings (T, 1) that hold only the time.

    Args:
        frames: any table.
        kind: "relative": the middle of each frame, from 0 to 1 within each video; "absolute": seconds from
            its first row.
    """
    if kind not in ("relative", "absolute"):
        raise InputError(f"time_only: kind must be 'relative' or 'absolute', got {kind!r}")
    clocks = [normalised_time(v) if kind == "relative" else v.time_s - v.time_s[0] for v in frames]
    return frames.with_embeddings([clock[:, None] for clock in clocks], model=f"time only, {kind}")


def projected(frames: Frames, dim: int, *, seed: int = 0) -> Frames:
    """The same videos with embeddings (T, dim): a Gaussian random projection, which keeps distances up to chance.

    A control of a method's dimension: nearest neighbours and linear read-outs depend on how many values a row has.
    """
    width = frames[0].embedding.shape[1]
    weights = np.random.default_rng(seed).standard_normal((width, dim), dtype=np.float32) / np.float32(np.sqrt(dim))
    return frames.with_embeddings([rows @ weights for rows in frames.embeddings], projected=dim)


def accuracy_and_recall(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Frame accuracy, and the mean over the classes of ``truth`` of the share of their frames that was found."""
    right = truth == predicted
    recalls = [right[truth == label].mean() for label in np.unique(truth)]
    return {"recall": float(np.mean(recalls)), "accuracy": float(right.mean())}


def majority(train_labels: Sequence[np.ndarray], val_labels: Sequence[np.ndarray]) -> dict[str, float]:
    """Accuracy and mean recall of the most frequent training class."""
    train, val = _flat(train_labels), _flat(val_labels)
    names, counts = np.unique(train, return_counts=True)
    return accuracy_and_recall(val, np.full(len(val), names[counts.argmax()]))


def time_histogram(
    train_times: Sequence[np.ndarray],
    train_labels: Sequence[np.ndarray],
    val_times: Sequence[np.ndarray],
    val_labels: Sequence[np.ndarray],
    *,
    end: float | None = None,
    bins: Sequence[int] = (5, 10, 20, 50, 100),
) -> dict[str, float]:
    """How well time alone tells the phase: the most frequent training label in each bin of time.

    The number of equal bins is chosen on the validation videos, which flatters this control. A bin without training
    frames gives the training majority.

    Args:
        train_times, val_times: (T_i,) of each video, normalised or in seconds from its start.
        train_labels, val_labels: (T_i,) of each video; frames without label are left out.
        end: the bins cover 0 to ``end``; None: to the largest time of all.
        bins: numbers of bins that are tried.

    Returns:
        "accuracy" and "recall" (mean over classes) at the best number of bins by accuracy, and "bins".
    """
    train_time, train = _flat(train_labels, train_times), _flat(train_labels)
    val_time, val = _flat(val_labels, val_times), _flat(val_labels)
    names, code = np.unique(train, return_inverse=True)
    end = end or max(float(max(t.max() for t in (*train_times, *val_times))), 1e-9)
    most_frequent = np.bincount(code).argmax()

    def cells(time: np.ndarray, number: int) -> np.ndarray:  # the slack undoes the rounding of i / T
        return np.clip((time / end * number + 1e-9).astype(int), 0, number - 1)

    best: dict[str, float] = {}
    for number in bins:
        count = np.bincount(cells(train_time, number) * len(names) + code, minlength=number * len(names))
        count = count.reshape(number, -1)
        choice = np.where(count.any(1), count.argmax(1), most_frequent)
        score = accuracy_and_recall(val, names[choice[cells(val_time, number)]])
        if not best or score["accuracy"] > best["accuracy"]:
            best = {**score, "bins": number}
    return best


def phase_controls(train: Frames, train_labels: list[np.ndarray], val: Frames, val_labels: list[np.ndarray]) -> dict:
    """The controls of a phase classification: majority, and the histogram of relative and of absolute time."""

    def clocks(frames: Frames, kind: Literal["relative", "absolute"]) -> list[np.ndarray]:
        return [rows[:, 0] for rows in time_only(frames, kind=kind).embeddings]

    relative = time_histogram(clocks(train, "relative"), train_labels, clocks(val, "relative"), val_labels, end=1.0)
    absolute = time_histogram(clocks(train, "absolute"), train_labels, clocks(val, "absolute"), val_labels)
    return {
        "majority": majority(train_labels, val_labels),
        "time only, relative": relative,
        "time only, absolute": absolute,
    }


def _flat(labels: Sequence[np.ndarray], values: Sequence[np.ndarray] | None = None) -> np.ndarray:
    kept = [np.asarray(v)[is_labelled(np.asarray(row))] for row, v in zip(labels, values or labels, strict=True)]
    return np.concatenate(kept)
