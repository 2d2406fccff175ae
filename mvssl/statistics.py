"""Intervals by bootstrap over videos, and the paired comparison of two runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import permutation_test

from mvssl.errors import InputError


def bootstrap_interval(
    sums: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    generator: np.random.Generator,
    num_resamples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval (Efron 1979) of a statistic of sums over videos, the videos drawn with replacement.

    Args:
        sums: (N, F) what each video adds to the sums, e.g. (correct frames, frames).
        statistic: (R, F) sums of R resamples -> (R,) values, e.g. ``lambda s: s[:, 0] / s[:, 1]``; NaN where undefined.
        generator: source of the resamples.
        num_resamples: R.
        level: probability within the interval.

    Returns:
        Lower and upper bound; NaN twice with fewer than two videos.
    """
    sums = np.asarray(sums, dtype=np.float64)
    if len(sums) < 2:
        return (float("nan"), float("nan"))
    counts = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=num_resamples)
    values = statistic(counts @ sums)
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail]) if np.isfinite(values).any() else (np.nan, np.nan)
    return (float(low), float(high))


def bootstrap_mean(
    values: np.ndarray, *, generator: np.random.Generator, num_resamples: int = 1000, level: float = 0.95
):
    """Interval of the mean of per-video values (N,); undefined videos (NaN) are left out."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    sums = np.stack([values, np.ones_like(values)], axis=1)
    return bootstrap_interval(
        sums, lambda s: s[:, 0] / s[:, 1], generator=generator, num_resamples=num_resamples, level=level
    )


class Comparison(NamedTuple):
    """How run ``a`` differs from run ``b`` on the same videos."""

    difference: float  # mean of a - b over videos
    interval: tuple[float, float]  # bootstrap over videos
    p_value: float  # two-sided, by exchanging a and b within videos
    num_videos: int
    num_left_out: int  # videos undefined in a or b


def paired_comparison(
    a: np.ndarray, b: np.ndarray, *, generator: np.random.Generator, num_resamples: int = 9999, level: float = 0.95
) -> Comparison:
    """Compares per-video values of two runs, (N,) each, video by video (paired permutation test, Fisher 1935).

    Raises:
        InputError: different numbers of videos, or fewer than two defined in both.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise InputError(f"a paired comparison needs the same videos in both runs; got {a.shape} and {b.shape} values")
    defined = np.isfinite(a) & np.isfinite(b)
    if defined.sum() < 2:
        raise InputError(f"a paired comparison needs two videos defined in both runs; got {int(defined.sum())}")
    a, b = a[defined], b[defined]
    interval = bootstrap_mean(a - b, generator=generator, level=level)
    test = permutation_test(
        (a, b),
        lambda first, second, axis: (first - second).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=num_resamples,
        rng=generator,
    )
    return Comparison(float((a - b).mean()), interval, float(test.pvalue), len(a), int((~defined).sum()))
