"""How long each phase of the reference takes in every aligned video, and where a video deviates from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import files
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.series import median_step

from .time_map import TimeMap


class Tempo(NamedTuple):
    """One phase of the reference in one video. NaN: the video does not show its start or its end."""

    video: str
    label: str
    number: int  # 0, 1, ...: which of the reference's segments
    start_s: float
    end_s: float
    duration_s: float
    relative: float  # to the reference's duration; 2 = twice as slow


class Deviation(NamedTuple):
    """A moment of the reference that the query shows least like it."""

    ref_time_s: float
    query_time_s: float
    deviation: float


def tempo_table(maps: Sequence[TimeMap], segments: Segments) -> list[Tempo]:
    """Durations of the reference's phases, in the reference (first) and in each query.

    Args:
        maps: from one reference to each query.
        segments: labels of the reference.

    Raises:
        InputError: no map, maps from several references, or a reference without labels.
    """
    if not maps or any(one.reference != maps[0].reference for one in maps):
        raise InputError("a tempo table needs maps from one reference, and at least one")
    phases = segments.get(maps[0].reference, [])
    if not phases:
        raise InputError(f"{maps[0].reference}: the reference has no labels, so there are no phases to time")
    bounds_s = np.array([(phase.start_s, phase.end_s) for phase in phases])
    lengths_s = np.diff(bounds_s, axis=1)[:, 0]
    rows = [
        Tempo(maps[0].reference, phase.label, k, phase.start_s, phase.end_s, float(lengths_s[k]), 1.0)
        for k, phase in enumerate(phases)
    ]
    for one in maps:
        for k, (start_s, end_s) in enumerate(one.to_query(_within_step(one, bounds_s))):
            length_s = float(end_s - start_s)
            rows.append(
                Tempo(
                    one.query,
                    phases[k].label,
                    k,
                    float(start_s),
                    float(end_s),
                    length_s,
                    length_s / float(lengths_s[k]),
                )
            )
    return rows


def write_tempo(path: str | Path, rows: Sequence[Tempo]) -> Path:
    """Writes the table as CSV; unknown times stay empty."""
    told = [[*row[:3], *("" if np.isnan(value) else f"{value:.4f}" for value in row[3:])] for row in rows]
    return files.write_csv(path, Tempo._fields, told)


def deviation_curve(time_map: TimeMap) -> tuple[np.ndarray, np.ndarray]:
    """How unlike the reference each of its moments is shown: its time (T,) and the mean cost of its matches (T,)."""
    time_s, row = np.unique(time_map.ref_time_s, return_inverse=True)
    return time_s, np.bincount(row, weights=time_map.cost) / np.bincount(row)


def worst_moments(time_map: TimeMap, *, num_moments: int = 5, apart_s: float = 0.5) -> list[Deviation]:
    """The moments of highest deviation, worst first, at least ``apart_s`` from each other."""
    time_s, deviation = deviation_curve(time_map)
    found: list[Deviation] = []
    for k in np.argsort(-deviation, kind="stable"):
        if len(found) == num_moments:
            break
        if all(abs(float(time_s[k]) - other.ref_time_s) >= apart_s for other in found):
            found.append(Deviation(float(time_s[k]), float(time_map.to_query(time_s[k])), float(deviation[k])))
    return found


def _within_step(time_map: TimeMap, bounds_s: np.ndarray) -> np.ndarray:
    """Bounds less than a frame (and a half) beyond the matched range are moved to its ends: segments begin and end
    between frames."""
    known = np.unique(time_map.ref_time_s)
    slack_s = 1.5 * median_step(known)
    low, high = known[0], known[-1]
    moved = np.where((bounds_s < low) & (bounds_s >= low - slack_s), low, bounds_s)
    return np.where((moved > high) & (moved <= high + slack_s), high, moved)
