"""Paired comparisons by flipping signs: exact for few videos, and for several comparisons at once.

Under no difference the two runs may be exchanged within a unit, which flips the sign of its differences in all columns (rows
of a table, measures) together. The p-value of a column is the share of the sign patterns whose total is at least as extreme
(Fisher 1935). The adjusted p-value is the share of the patterns in which any column has so small a p-value (Westfall and Young
1993, step one): the chance that a family without any difference shows one is at most ``ALPHA``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from mvssl.errors import InputError
from mvssl.statistics.intervals import Interval, _codes, interval_of_mean

ALPHA = 0.05  # how often a verdict may be wrong where there is no difference
_ALL_PATTERNS = 13  # units up to which every sign pattern is tried


class SignFlips(NamedTuple):
    """P-values of K columns."""

    p_value: np.ndarray  # (K,) each for itself
    adjusted: np.ndarray  # (K,) among all K


def unit_sums(values: np.ndarray, units: Sequence[Hashable] | None = None) -> np.ndarray:
    """Sums over the videos of each unit of ``values`` (N, ...): (U, ...); NaN adds nothing."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0)
    codes = _codes(units, len(values))
    added = np.zeros((int(codes.max(initial=-1)) + 1, *values.shape[1:]))
    np.add.at(added, codes, values)
    return added


def sign_flips(
    differences: np.ndarray,
    *,
    alternative: Literal["two-sided", "less", "greater"] = "two-sided",
    generator: np.random.Generator,
    num_patterns: int = 9999,
) -> SignFlips:
    """Tests whether differences lie around 0.

    Args:
        differences: (U, K) of each unit in each column; 0 where undefined.
        alternative: "less": below 0; "greater": above.
        generator: of the patterns, where there are too many to try all.
        num_patterns: how many are then drawn, beside the one that was seen.
    """
    from scipy import stats  # takes a second, which a command that compares nothing saves

    differences = np.asarray(differences, dtype=np.float64)
    number = len(differences)
    if number <= _ALL_PATTERNS:
        flips = 1 - 2 * ((np.arange(2**number)[:, None] >> np.arange(number)) & 1)
    else:
        flips = generator.choice([-1, 1], (num_patterns + 1, number))
        flips[0] = 1
    scale = np.abs(differences).sum(0)
    totals = np.round(flips @ (differences / np.where(scale > 0, scale, 1)), 9)
    extreme = {"two-sided": np.abs(totals), "greater": totals, "less": -totals}[alternative]
    p_values = stats.rankdata(-extreme, method="max", axis=0) / len(flips)
    least = p_values.min(1)
    return SignFlips(p_values[0], (least[:, None] <= p_values[:1] + 1e-12).mean(0))


def least_units(alpha: float = ALPHA) -> int:
    """Units from which a one-sided verdict at ``alpha`` / 2 is possible: 2^-U is the least p-value."""
    return math.ceil(math.log2(2 / alpha))


class Comparison(NamedTuple):
    """How run ``a`` differs from run ``b`` on the same videos."""

    difference: float  # mean of a - b over videos
    interval: Interval  # over units
    p_value: float  # two-sided, by exchanging a and b within units
    num_videos: int
    num_units: int
    num_left_out: int  # videos undefined in a or b


def paired_comparison(
    a: np.ndarray,
    b: np.ndarray,
    *,
    units: Sequence[Hashable] | None = None,
    generator: np.random.Generator,
    num_patterns: int = 9999,
    level: float = 0.95,
) -> Comparison:
    """Compares per-video values of two runs, (N,) each, video by video.

    Args:
        a, b: (N,) of the two runs.
        units: (N,) what each video belongs to; None: every video is a unit.
        generator, num_patterns: of the sign patterns (``sign_flips``).
        level: of the interval.

    Raises:
        InputError: different numbers of videos, or fewer than two defined in both.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise InputError(f"a paired comparison needs the same videos in both runs; got {a.shape} and {b.shape} values")
    defined = np.isfinite(a) & np.isfinite(b)
    if defined.sum() < 2:
        raise InputError(f"a paired comparison needs two videos defined in both runs; got {int(defined.sum())}")
    names = [name for name, kept in zip(units if units is not None else range(len(a)), defined, strict=True) if kept]
    difference = a[defined] - b[defined]
    hits = np.isin(np.concatenate([a[defined], b[defined]]), (0.0, 1.0)).all()
    sums = unit_sums(difference[:, None], names)
    return Comparison(
        difference=float(difference.mean()),
        interval=interval_of_mean(difference, units=names, bounds=(-1.0, 1.0) if hits else None, level=level),
        p_value=float(sign_flips(sums, generator=generator, num_patterns=num_patterns).p_value[0]),
        num_videos=len(difference),
        num_units=len(sums),
        num_left_out=int((~defined).sum()),
    )
