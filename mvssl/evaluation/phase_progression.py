"""Phase progression: how well a linear map of the embedding tells the time until or since the end of each phase.

For event e (the end of phase e, the last phase has none), the target of a frame is (time - t_e) / duration; least
squares with intercept on the training frames; R^2 on the pooled validation frames; mean over events (Dwibedi et al.
2019). Stated differences: a video without phase e is left out of event e in training and test, and counted (their code
fails or guesses); the end of a phase is the time at which it ends, not its last frame, and the duration goes from the first
to the last frame, so that targets differ from theirs by one frame. Directions of the embedding that the float32 of a table
cannot tell from nothing get no weight. R^2 has no lower bound, and 0 is what the mean target of the validation frames would
reach.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, check_split, checked_embeddings, groups
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation.controls import time_only
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import interval_of_average, interval_of_sums


def phase_progression(
    train_embeddings: Sequence[np.ndarray],
    train_targets: Sequence[np.ndarray],
    val_embeddings: Sequence[np.ndarray],
    val_targets: Sequence[np.ndarray],
    *,
    units: Sequence[Hashable] | None = None,
) -> Result:
    """Mean R^2 over events.

    Args:
        train_embeddings, val_embeddings: (T_i, D) of each video.
        train_targets, val_targets: (T_i, E) progress towards each event; NaN = the event is missing in this video.
        units: of each validation video, what it belongs to; None: every video is independent.

    Returns:
        value: mean over the events that are in both splits. per_video: None (R^2 is of pooled frames). undefined:
        missing (video, event) cells of the validation videos. details["per_event"]: R^2 of each, NaN where undefined.
    """
    train, val = checked_embeddings(train_embeddings), checked_embeddings(val_embeddings)
    x = np.concatenate(train).astype(np.float64)
    y = np.concatenate(train_targets)
    num_events = y.shape[1]
    sums = np.zeros((len(val), num_events, 4))  # of each validation video: residual^2, y, y^2, frames
    fitted = np.zeros(num_events, dtype=bool)
    for known, events in _by_frames(y):
        fitted[events] = True
        centre, level = x[known].mean(0), y[known][:, events].mean(0)
        least = max(x.shape) * float(np.finfo(np.float32).eps)  # below this a direction is rounding of the table
        with threadpool_limits(1):  # several threads gain little, and stall where the cores are busy
            weights = np.linalg.lstsq(x[known] - centre, y[known][:, events] - level, rcond=least)[0]
        for i, (rows, targets) in enumerate(zip(val, val_targets)):
            truth = targets[:, events]
            residual = truth - ((rows - centre) @ weights + level)
            told = np.stack([(residual**2).sum(0), truth.sum(0), (truth**2).sum(0), np.full(len(events), len(truth))])
            sums[i, events] = np.where(np.isfinite(truth).all(0), told, 0.0).T
    sums[:, ~fitted] = 0
    missing = sum(int(np.isnan(targets).any(0).sum()) for targets in val_targets)
    flat = sums.reshape(len(val), -1)
    return Result(
        value=float(_mean_r2(flat.sum(0)[None])[0]),
        undefined=missing,
        interval=interval_of_sums(flat, _mean_r2, units=units, bounds=(-np.inf, 1.0)),
        details={"per_event": _r2(flat.sum(0)[None])[0].tolist(), "undefined": "(video, event) cells"},
    )


def _by_frames(targets: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Events that are known on the same frames, to be fitted together: ((T,) bool, numbers of the events); not the others."""
    known = np.isfinite(targets)
    masks, group = np.unique(known, axis=1, return_inverse=True)
    return [(masks[:, i], np.flatnonzero(group == i)) for i in range(masks.shape[1]) if masks[:, i].any()]


def _r2(flat: np.ndarray) -> np.ndarray:
    residual, total, square, number = np.moveaxis(flat.reshape(len(flat), -1, 4), 2, 0)
    spread = square - np.divide(total**2, number, out=np.zeros_like(total), where=number > 0)
    return 1 - np.divide(residual, spread, out=np.full_like(residual, np.nan), where=spread > 1e-12)


def _mean_r2(flat: np.ndarray) -> np.ndarray:
    values = _r2(flat)
    defined = np.isfinite(values).sum(1)
    return np.divide(np.nansum(values, axis=1), defined, out=np.full(len(flat), np.nan), where=defined > 0)


def progress_targets(frames: Frames, segments: Segments, phases: Sequence[str]) -> list[np.ndarray]:
    """(T, E) of each video: (time - end of phase e) / duration, without the last of ``phases``; NaN: no such phase."""
    out = []
    for video in frames:
        duration_s = float(video.time_s[-1] - video.time_s[0]) or 1.0
        ends = {row.label: row.end_s for row in segments.get(video.video, [])}
        out.append(np.stack([(video.time_s - ends.get(phase, np.nan)) / duration_s for phase in phases[:-1]], axis=1))
    return out


def phase_order(frames: Frames, segments: Segments) -> list[str]:
    """The phases of these videos in the order of their mean start as a share of the labelled duration."""
    starts: dict[str, list[float]] = {}
    for video in frames:
        rows = segments.get(video.video, [])
        for row in rows:
            starts.setdefault(row.label, []).append(
                (row.start_s - rows[0].start_s) / (rows[-1].end_s - rows[0].start_s)
            )
    return sorted(starts, key=lambda label: float(np.mean(starts[label])))


class PhaseProgression:
    """Phase progression within each action (videos of one ``label``), then the plain mean over actions.

    Args:
        phases: the phases of an action in order; None: in the order of their mean start in the training videos.
    """

    def __init__(self, *, phases: tuple[str, ...] | None = None):
        self.phases = phases

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Fits on ``train``, tests on ``frames``. Control: time only (relative).

        Actions without two labelled phases in training are left out (``details["actions_left_out"]``); NaN if all are.

        Raises:
            InputError: no labels or training videos, a leaky split.
        """
        if labels is None or train is None:
            raise InputError("phase progression needs labels and training videos")
        check_split(train, frames)
        results: dict[str, Result] = {}
        clock: list[float] = []
        actions = by_label(frames)
        for name, val in actions.items():
            part = train.where(label=name)
            phases = self.phases or phase_order(part, labels)
            if len(phases) < 2 or not len(part):
                continue
            y, z = progress_targets(part, labels, phases), progress_targets(val, labels, phases)
            results[name] = phase_progression(part.embeddings, y, val.embeddings, z, units=groups(val))
            clock.append(phase_progression(time_only(part).embeddings, y, time_only(val).embeddings, z).value)
        values = {name: result.value for name, result in results.items()}
        return Result(
            value=mean_defined(list(values.values())),
            undefined=sum(result.undefined for result in results.values()),
            interval=interval_of_average(list(values.values()), [result.interval for result in results.values()]),
            controls={"time only": mean_defined(clock)},
            details={
                "per_action": values,
                "actions_left_out": sorted(set(actions) - set(results)),
                "undefined": "(video, event) cells",
            },
        )
