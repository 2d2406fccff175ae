"""Two evaluations of the same data, paired video by video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mvssl.evaluation.results_file import compare_results

Compared = dict[str, dict[str, Any]]  # by metric: first, second, difference, interval, adjusted (p), verdict


def compare(first: str | Path, second: str | Path, *, row: str = "this run", seed: int = 0) -> Compared:
    """Says of every metric whether two evaluations differ by more than chance.

    p counts how many metrics are compared; units are groups and sessions, else videos. Where nothing differs, a verdict
    other than "not shown" comes up at most once in twenty.

    Args:
        first, second: results.json or its folder (``mvssl evaluate``), measured on the same data.
        row: the row of the table that is compared.
        seed: of the patterns of signs, where there are too many to try all.

    Raises:
        InputError: no results there, or of other data, or without that row.
    """
    return compare_results(first, second, row, generator=np.random.default_rng(seed))
