"""Where labelled phases end and begin, and how far a time map carries them from where they are: the error of an alignment in
seconds, beside that of the straight line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mvssl.labels import Segment, Segments

from .time_map import TimeMap

Border = tuple[str, str, int]  # phase before, phase after, which of them in order of time


class BorderError(NamedTuple):
    """Mean distance in seconds between borders carried over from the reference and the query's own."""

    query: str
    num_borders: int
    aligned_s: float
    linear_s: float  # control: one video stretched onto the other


def phase_borders(segments: Sequence[Segment]) -> dict[Border, float]:
    """The time of every change from one phase to another."""
    borders: dict[Border, float] = {}
    seen: dict[tuple[str, str], int] = {}
    for before, after in zip(segments, segments[1:]):
        kind = (before.label, after.label)
        number = seen[kind] = seen.get(kind, -1) + 1
        borders[*kind, number] = after.start_s
    return borders


def shared_borders(one: Mapping[Border, float], other: Mapping[Border, float]) -> np.ndarray:
    """(K, 2) times of the borders that belong together: the n-th of a kind in both, if both have equally many."""

    def count(borders: Mapping[Border, float], key: Border) -> int:
        return sum(known[:2] == key[:2] for known in borders)

    kept = [key for key in one if key in other and count(one, key) == count(other, key)]
    return np.array([(one[key], other[key]) for key in kept], dtype=np.float64).reshape(-1, 2)


def border_error(time_map: TimeMap, segments: Segments) -> BorderError | None:
    """How well a map carries the reference's borders to a query with labels of its own; None where they share none."""
    times = shared_borders(*(phase_borders(segments.get(name, [])) for name in (time_map.reference, time_map.query)))
    if not len(times):
        return None
    found = time_map.to_query(times[:, 0], extend=True), time_map.linear_query_s(times[:, 0])
    aligned_s, linear_s = (float(np.abs(time_s - times[:, 1]).mean()) for time_s in found)
    return BorderError(time_map.query, len(times), aligned_s, linear_s)
