"""How often 95 % intervals hold the true mean, for few videos and the kinds of distributions that scores of videos have.

    python benchmarks/coverage.py [--trials 20000]

prints the table of docs/evaluation.md: plain t, percentile bootstrap, BCa, bootstrap-t, and what the package prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy import stats

from mvssl.statistics import SHARE, interval_of_mean

NUMBERS = (4, 5, 6, 8, 12, 20, 30)


def _log_normal(sigma: float) -> tuple[Callable, float, None]:
    return (lambda rng, shape: np.exp(sigma * rng.normal(size=shape)), float(np.exp(sigma**2 / 2)), None)


def _hits(share: float) -> tuple[Callable, float, tuple[float, float]]:
    return (lambda rng, shape: (rng.random(shape) < share).astype(float), share, SHARE)


# a sampler, the true mean, and the bounds that an evaluator would state
DISTRIBUTIONS: dict[str, tuple[Callable, float, tuple[float, float] | None]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0, None),
    "log-normal, sigma 0.5": _log_normal(0.5),
    "log-normal, sigma 1": _log_normal(1.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0, None),
    "shares about 0.9": (lambda rng, shape: rng.beta(9, 1, size=shape), 0.9, SHARE),
    "shares about 0.95": (lambda rng, shape: rng.beta(19, 1, size=shape), 0.95, SHARE),
    "right or wrong, 0.8": _hits(0.8),
    "right or wrong, 0.9": _hits(0.9),
}


def ours(values: np.ndarray, bounds: tuple[float, float] | None, _: np.random.Generator) -> tuple[float, float]:
    return interval_of_mean(values, bounds=bounds)


def plain_t(values: np.ndarray, _bounds: object, _: np.random.Generator) -> tuple[float, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return values.mean() - half, values.mean() + half


def _bootstrap(method: str) -> Callable:
    def interval(values: np.ndarray, _bounds: object, rng: np.random.Generator) -> tuple[float, float]:
        if np.ptp(values) == 0:
            return values[0], values[0]
        with np.errstate(all="ignore"):
            found = stats.bootstrap((values,), np.mean, method=method, n_resamples=999, rng=rng, vectorized=True)
        return tuple(found.confidence_interval)

    return interval


def bootstrap_t(values: np.ndarray, _bounds: object, rng: np.random.Generator) -> tuple[float, float]:
    spread = values.std(ddof=1)
    if spread == 0:
        return values[0], values[0]
    drawn = values[rng.integers(0, len(values), (999, len(values)))]
    with np.errstate(all="ignore"):
        t = np.nan_to_num((drawn.mean(1) - values.mean()) / drawn.std(1, ddof=1), posinf=1e9, neginf=-1e9)
    low, high = np.quantile(t, [0.025, 0.975])
    return values.mean() - high * spread, values.mean() - low * spread


METHODS = {
    "percentile bootstrap": (_bootstrap("percentile"), 0.1),
    "BCa": (_bootstrap("BCa"), 0.1),
    "bootstrap-t": (bootstrap_t, 0.1),
    "t": (plain_t, 1.0),
    "here": (ours, 1.0),
}


def samples(name: str, number: int, *, trials: int, seed: int) -> np.ndarray:
    return DISTRIBUTIONS[name][0](np.random.default_rng([seed, number]), (trials, number))


def coverage(name: str, number: int, *, trials: int, seed: int, method: Callable = ours) -> float:
    """Share of ``trials`` samples of ``number`` values whose interval holds the mean of the distribution."""
    _, mean, bounds = DISTRIBUTIONS[name]
    rng = np.random.default_rng(seed)
    held = 0
    for values in samples(name, number, trials=trials, seed=seed):
        low, high = method(values, bounds, rng)
        held += low - 1e-12 <= mean <= high + 1e-12
    return held / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000, help="samples of each cell; a tenth for resampling")
    trials = parser.parse_args().trials
    print("| scores of videos | interval | " + " | ".join(f"n = {number}" for number in NUMBERS) + " |")
    print("|---|---|" + "---|" * len(NUMBERS))
    for name in DISTRIBUTIONS:
        for label, (method, part) in METHODS.items():
            cells = [coverage(name, n, trials=int(trials * part), seed=0, method=method) for n in NUMBERS]
            text = " | ".join(f"{cell:.3f}".lstrip("0") for cell in cells)
            print(f"| {name} | {label} | {text} |", flush=True)


if __name__ == "__main__":
    main()
