"""From steps to movement: key poses with random durations and pauses become a pose, a phase and a stage at any time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .figure import FIELDS, column

IDLE = "idle"
# Tempo is uneven on purpose: neither the clock nor the share of the video that has passed should give the phase away.
_TEMPO = (0.4, 0.7)  # factor on all durations of a performance
_UNEVEN = 0.55  # standard deviation of the logarithm of each step's own factor, cut at twice and half
_SLOW = 3  # one step of each performance takes so many times longer
_PAUSES = 0.1  # how often a step halts midway
_IDLE_S = (0.0, 3.8)  # idle time of a recording, mostly at one of its ends
_SWAY = {  # how far each field wanders, in its own unit
    "pelvis_x": 0.004,
    "pelvis_y": 0.008,
    "lean": 0.025,
    "side": 0.025,
    "twist": 0.05,
    "nod": 0.07,
    "look": 0.3,
    **{f"{hand}_hand_{axis}": 0.007 for hand in ("right", "left") for axis in "xyz"},
}


class Step(NamedTuple):
    """Movement to one key pose."""

    phase: str
    pose: np.ndarray  # (F,) reached at the end of the step
    seconds: tuple[float, float]  # shortest and longest duration
    moment: str = ""  # key moment at the end of the step
    may_pause: bool = True


class Motion(NamedTuple):
    """One performance. Times in seconds from the start of the recording."""

    knot_s: np.ndarray  # (N,)
    poses: np.ndarray  # (N, F)
    stage: np.ndarray  # (N,) steps done so far: equal stages of two sessions of an action are the same instant of it
    phases: tuple[str, ...]  # (N - 1,)
    moments: dict[str, float]
    sway: np.ndarray  # (F, 2, 3): amplitude, frequency in hertz, phase of two sines

    @property
    def duration_s(self) -> float:
        return float(self.knot_s[-1])

    def poses_at(self, time_s: np.ndarray) -> np.ndarray:
        """Poses (T, F)."""
        from scipy.interpolate import PchipInterpolator

        amplitude, hertz, start = np.moveaxis(self.sway, -1, 0)[..., None]
        wander = (amplitude * np.sin(2 * np.pi * hertz * time_s + start)).sum(1)
        return PchipInterpolator(self.knot_s, self.poses)(time_s) + wander.T

    def phases_at(self, time_s: np.ndarray) -> list[str]:
        row = np.searchsorted(self.knot_s, time_s, side="right") - 1
        return [self.phases[i] for i in row.clip(0, len(self.phases) - 1)]

    def stage_at(self, time_s: np.ndarray) -> np.ndarray:
        return np.interp(time_s, self.knot_s, self.stage)


def perform(steps: list[Step], rest: np.ndarray, rng: np.random.Generator) -> Motion:
    """Draws tempo, durations, pauses, idle time before and after, and sway. The last step must end in an idle pose."""
    tempo = rng.uniform(*_TEMPO)
    idle_s, share_before = rng.uniform(*_IDLE_S), rng.beta(0.5, 0.5)  # mostly before or mostly after
    slow = rng.integers(len(steps))
    time_s, poses, stage, phases, moments = [0.0], [rest], [0.0], [], {}

    def go(seconds: float, pose: np.ndarray, at_stage: float, phase: str) -> None:
        time_s.append(time_s[-1] + seconds)
        poses.append(pose)
        stage.append(at_stage)
        phases.append(phase)

    go(0.1 + idle_s * share_before, rest, 0.0, IDLE)
    for number, step in enumerate(steps):
        uneven = np.clip(np.exp(rng.normal(0, _UNEVEN)), 0.5, 2.0)
        seconds = tempo * rng.uniform(*step.seconds) * uneven * (_SLOW if number == slow else 1)
        if step.may_pause and rng.random() < _PAUSES:
            share = rng.uniform(0.25, 0.75)
            halted = poses[-1] + (3 * share**2 - 2 * share**3) * (step.pose - poses[-1])
            go(seconds * share, halted, number + share, step.phase)
            go(rng.uniform(0.2, 1.6), halted, number + share, step.phase)
            seconds *= 1 - share
        go(seconds, step.pose, number + 1.0, step.phase)
        if step.moment:
            moments[step.moment] = time_s[-1]
    go(0.1 + idle_s * (1 - share_before), steps[-1].pose, float(len(steps)), IDLE)

    sway = np.zeros((len(FIELDS), 2, 3))
    for name, size in _SWAY.items():
        sway[column(name), :, 0] = size * rng.uniform(0.2, 0.6, 2)
        sway[column(name), :, 1] = rng.uniform((0.1, 0.25), (0.25, 0.6))
        sway[column(name), :, 2] = rng.uniform(0, 2 * np.pi, 2)
    return Motion(np.array(time_s), np.array(poses), np.array(stage), tuple(phases), moments, sway)
