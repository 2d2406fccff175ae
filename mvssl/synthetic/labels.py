"""The label tables of a session: phases as segments, frames, key moments. Exact, because the session is known."""

from __future__ import annotations

import numpy as np

from mvssl.labels import Segment

from .film import frame_times
from .sessions import Session


def segments(session: Session, fps: float) -> list[Segment]:
    """Phases in seconds, end exclusive. Bounds lie half-way between two frames, so that no rounding moves a frame."""
    time_s = frame_times(session, fps)
    phases = session.motion.phases_at(time_s)
    first = [0, *(i for i in range(1, len(phases)) if phases[i] != phases[i - 1])]
    bounds_s = [0.0, *((i - 0.5) / fps for i in first[1:]), len(phases) / fps]
    return [Segment(a, b, phases[i]) for i, a, b in zip(first, bounds_s, bounds_s[1:])]


def frame_rows(session: Session, fps: float) -> list[tuple[int, str, str, str]]:
    """frame, time_s, phase, stage of every frame."""
    time_s = frame_times(session, fps)
    phases, stages = session.motion.phases_at(time_s), session.motion.stage_at(time_s)
    return [(i, f"{t:.4f}", p, f"{s:.4f}") for i, (t, p, s) in enumerate(zip(time_s, phases, stages))]


def time_only(rows: list[tuple[str, np.ndarray, np.ndarray]], *, num_bins: int = 20) -> tuple[float, float]:
    """How well the normalised time alone predicts the phase.

    A histogram frame number / number of frames -> most frequent phase is filled on the rows of split "train" and used
    on those of "val".

    Args:
        rows: split, relative time (T,) in [0, 1) and phase (T,) of each video.

    Returns:
        Accuracy over the frames of val, and the mean of the recalls of its phases.
    """
    joined = {}
    for split in ("train", "val"):
        chosen = [(time, phase) for where, time, phase in rows if where == split]
        joined[split] = [np.concatenate(columns) for columns in zip(*chosen)]
    names, truth = np.unique(joined["train"][1], return_inverse=True)
    counts = np.zeros((num_bins, len(names)))
    np.add.at(counts, ((joined["train"][0] * num_bins).astype(int), truth), 1)
    counts[counts.sum(1) == 0] = counts.sum(0)
    guess = names[counts.argmax(1)][(joined["val"][0] * num_bins).astype(int)]
    right = guess == joined["val"][1]
    recalls = [right[joined["val"][1] == name].mean() for name in np.unique(joined["val"][1])]
    return float(right.mean()), float(np.mean(recalls))
