"""95 % intervals over independent units: a t interval corrected for skewness, from leaving one unit out.

The pseudo-values of the jackknife (Tukey 1958), u theta - (u - 1) theta without unit i, are the units' values where the
statistic is their mean. With their standard deviation s, skewness g and t = sqrt(u) (theta - true) / s,

    t + g / (3 sqrt u) t^2 + g^2 / (27 u) t^3 + g / (6 sqrt u)

is nearer to Student's t than t itself (Hall 1992, JRSS B 54); it rises in t and is solved for the truth. g is the sample's
times 1 + 6 / u, because few values show too little of it; no bound lies inside the plain t interval, nor further than 2.5
times as far. The two numbers were chosen with ``benchmarks/coverage.py``; docs/evaluation.md has its table, decision 010 what
else was tried.

Where the bounds of a measure are known: hits (every value on a bound) have the exact binomial interval (Clopper and
Pearson 1934), equal values v its extension: as many as (tail)^(1/u) of all may be v and the others on a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

Interval = tuple[float, float]
Bounds = tuple[float, float]
UNKNOWN = (float("nan"), float("nan"))
SHARE: Bounds = (0.0, 1.0)  # of shares, precisions, accuracies
PERCENT: Bounds = (0.0, 100.0)
ERROR: Bounds = (0.0, float("inf"))  # of times, distances
_FEW, _FURTHEST = 6.0, 2.5  # see above
_EQUAL = 1e-9  # relative: closer values differ by rounding alone


def interval_of_mean(
    values: np.ndarray, *, units: Sequence[Hashable] | None = None, bounds: Bounds | None = None, level: float = 0.95
) -> Interval:
    """Interval of the mean of per-video values; undefined videos (NaN) are left out.

    Args:
        values: (N,).
        units: (N,) what each video belongs to (its group or session); None: every video is a unit.
        bounds: least and greatest possible value of the measure, where it has them.
        level: probability within the interval.

    Returns:
        Lower and upper bound; NaN twice with fewer than two units. Equal values without known bounds: no width.
    """
    values = np.asarray(values, dtype=np.float64)
    keep = np.isfinite(values)
    sums = np.stack([values[keep], np.ones(int(keep.sum()))], axis=1)
    names = None if units is None else [name for name, kept in zip(units, keep, strict=True) if kept]
    return interval_of_sums(sums, _ratio, units=names, bounds=bounds, level=level)


def interval_of_sums(
    sums: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    units: Sequence[Hashable] | None = None,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> Interval:
    """Interval of a statistic of sums over videos.

    Args:
        sums: (N, F) what each video adds to the sums, e.g. (correct frames, frames); a video that adds only zeros is
            undefined and left out.
        statistic: (R, F) sums -> (R,) values, e.g. ``lambda s: s[:, 0] / s[:, 1]``; NaN where undefined.
        units, bounds, level: as in ``interval_of_mean``.

    Returns:
        Lower and upper bound; NaN twice with fewer than two units, or where one cannot be left out.
    """
    sums = np.asarray(sums, dtype=np.float64)
    keep = sums.any(axis=1)
    codes = _codes(units, len(sums))[keep]
    members = np.unique(codes, return_inverse=True)[1]
    added = np.zeros((int(members.max(initial=-1)) + 1, sums.shape[1]))
    np.add.at(added, members, sums[keep])
    if len(added) < 2:
        return UNKNOWN
    total = added.sum(0, keepdims=True)
    return _from_left_out(float(statistic(total)[0]), statistic(total - added), bounds, level)


def interval_of_pairs(
    pairs: np.ndarray, *, units: Sequence[Hashable] | None = None, bounds: Bounds | None = None, level: float = 0.95
) -> Interval:
    """Interval of a mean over ordered pairs of videos, in which each video stands many times.

    A unit is left out with its rows and columns: the values of a video's pairs share that video, so that their means by
    video are not independent.

    Args:
        pairs: (N, N) value of (query, reference), NaN where undefined or no pair.
        units, bounds, level: as in ``interval_of_mean``.

    Returns:
        Lower and upper bound; NaN twice with fewer than three units, or where one cannot be left out.
    """
    codes, defined = _codes(units, len(pairs)), np.isfinite(pairs)
    names = np.unique(codes[defined.any(0) | defined.any(1)])
    if len(names) < 3:
        return UNKNOWN
    kept = [np.ix_(codes != name, codes != name) for name in names]
    left_out = [pairs[rest][defined[rest]].mean() if defined[rest].any() else np.nan for rest in kept]
    return _from_left_out(float(pairs[defined].mean()), np.array(left_out), bounds, level)


def interval_of_average(
    values: Sequence[float], intervals: Sequence[Interval], *, weights: Sequence[float] | None = None
) -> Interval:
    """Interval of the average of independent numbers (of actions) from the interval of each.

    The distances to the bounds add up in squares (MOVER; Zou and Donner 2008, Statistics in Medicine 27).

    Args:
        values: (A,); NaN ones are left out.
        intervals: of each.
        weights: of the average; None: equal.

    Returns:
        Lower and upper bound. Where a number has no interval (an action with too few videos), the numbers themselves are
        taken as the units, which is wider: how actions differ counts too.
    """
    known = np.isfinite(values)
    if not known.any():
        return UNKNOWN
    centre, bounds = np.asarray(values, dtype=np.float64)[known], np.asarray(intervals, dtype=np.float64)[known]
    share = np.ones(len(centre)) if weights is None else np.asarray(weights, dtype=np.float64)[known]
    if not np.isfinite(bounds).all():
        return interval_of_sums(np.stack([share * centre, share], axis=1), _ratio)
    share = share / share.sum()
    below, above = np.sqrt((share[:, None] ** 2 * (bounds - centre[:, None]) ** 2).sum(0))
    return (float(share @ centre - below), float(share @ centre + above))


def _ratio(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def _codes(units: Sequence[Hashable] | None, number: int) -> np.ndarray:
    if units is None:
        return np.arange(number)
    if len(units) != number:
        raise ValueError(f"{len(units)} units for {number} videos; each video needs one")
    order = {name: i for i, name in enumerate(dict.fromkeys(units))}
    return np.array([order[name] for name in units], dtype=int)


def _from_left_out(whole: float, left_out: np.ndarray, bounds: Bounds | None, level: float) -> Interval:
    from scipy import stats  # takes a second, which a command that has no interval saves

    number, tail = len(left_out), (1 - level) / 2
    values = number * whole - (number - 1) * left_out
    if not (np.isfinite(whole) and np.isfinite(values).all()):
        return UNKNOWN
    slack = _EQUAL * max(1.0, float(np.abs(values).max()))
    low, high = bounds or (-np.inf, np.inf)
    bounded = bounds is not None and np.isfinite(bounds).all()
    if bounded and (np.minimum(np.abs(values - low), np.abs(values - high)) <= slack).all():
        hits = int((np.abs(values - high) <= slack).sum())
        exact = stats.binomtest(hits, number).proportion_ci(level, method="exact")
        return (float(low + (high - low) * exact.low), float(low + (high - low) * exact.high))
    if np.ptp(values) <= slack:
        other = 1 - tail ** (1 / number)
        return (whole - other * (whole - low), whole + other * (high - whole)) if bounded else (whole, whole)
    spread = float(values.std(ddof=1)) / number**0.5
    t = float(stats.t.ppf(1 - tail, number - 1))
    skew = float(stats.skew(values)) * (1 + _FEW / number) / number**0.5
    above, below = np.clip([-_untilted(-t, skew), _untilted(t, skew)], t, _FURTHEST * t)
    return (float(max(whole - spread * below, low)), float(min(whole + spread * above, high)))


def _untilted(t: float, skew: float) -> float:
    """The t whose corrected value is ``t``; ``skew`` = g / sqrt(u)."""
    if abs(skew) < 1e-6:
        return t
    return float(3 / skew * (np.cbrt(1 + skew * (t - skew / 6)) - 1))
