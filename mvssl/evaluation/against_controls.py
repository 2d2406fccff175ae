"""Whether a run is better than every control by more than chance, video by video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mvssl.evaluation._result import Result
from mvssl.statistics import sign_flips, unit_sums


class Chance(NamedTuple):
    """How likely it is to be so far ahead of every control without being better than one of them."""

    p_value: float  # one-sided
    num_units: int  # groups and sessions, else videos


def against_controls(
    results: Mapping[str, Mapping[str, Result] | str],
    evaluator: str,
    value: str,
    *,
    method: str = "this run",
    references: tuple[str, ...] = ("supervised reference",),
) -> Chance | None:
    """Compares the values per video with those of every other row by flipping signs.

    To be better than the best of several rows is to be better than each, so the largest p-value counts and needs no correction
    (Berger 1982). Rows without values per video (the majority class) are left out: they are compared by their mean alone.

    Args:
        results: rows of results, more is better.
        evaluator, value: which number, e.g. "frame_retrieval", "precision@5".
        references: rows that are no controls.

    Returns:
        None where the method or all controls have no values per video.
    """
    own = _of(results.get(method), evaluator)
    if own is None:
        return None
    p_values = []
    for name, row in results.items():
        other = _of(row, evaluator)
        if name in (method, *references) or other is None or other.videos != own.videos:
            continue
        difference = own.per_video[value] - other.per_video[value]
        flipped = sign_flips(
            unit_sums(difference[:, None], own.units or None), alternative="greater", generator=np.random.default_rng(0)
        )
        p_values.append(float(flipped.p_value[0]))
    return Chance(max(p_values), len(set(own.units or own.videos))) if p_values else None


def _of(row: Mapping[str, Result] | str | None, evaluator: str) -> Result | None:
    found = row.get(evaluator) if isinstance(row, Mapping) else None
    return found if found is not None and isinstance(found.per_video, dict) else None
