"""How often ``mvssl adapt`` says "better" or "worse" where nothing differs, and how often it finds a gain.

    python benchmarks/verdict.py [--trials 2000]

Made-up errors in seconds: log-normal over videos, of an adapted model and three zero-shot rows in the three measures of
``adapt``, which hang together by video, by measure and by row. Prints the table of docs/adapt.md.
"""

from __future__ import annotations

import argparse

import numpy as np

from mvssl.api._adapt_material import MEASURES
from mvssl.api._adapt_verdict import Verdict, judge

NUMBERS = (2, 4, 5, 6, 7, 8, 12, 20, 30)
ROWS = ("zero-shot", "zero-shot, centred", "zero-shot, recipe's map, centred")
KINDS = {
    "all rows alike": {},
    "all rows alike, videos in groups of two": {"group": 2},
    "as good as the best row of each measure, which is another": {"crossed": 2.0},
    "as good as the best row, the others twice as bad": {"others": 2.0},
    "equal means, a few videos much worse (exponential)": {"skew": 1.0},
    "equal means, a few videos much better (exponential)": {"skew": -1.0},
    "errors 30 % smaller": {"gain": 0.7},
    "errors halved": {"gain": 0.5},
}


def made(
    rng: np.random.Generator,
    number: int,
    *,
    group: int = 1,
    others: float = 1.0,
    crossed: float = 1.0,
    skew: float = 0.0,
    gain: float = 1.0,
) -> Verdict:
    """The verdict on ``number`` videos of made-up errors.

    Args:
        group: videos of a group share all their noise.
        others: factor of the errors of all zero-shot rows but the first.
        crossed: factor of the errors of all zero-shot rows but one, which is another one in each measure.
        skew: the adapted model's errors are the first row's plus or minus an exponential variable less its mean.
        gain: factor of the adapted model's errors.
    """
    names = np.arange(number) // group
    video = 0.6 * rng.normal(size=(number, 1, 1))
    shape = (number, len(MEASURES), 1 + len(ROWS))
    noise = 0.25 * (rng.normal(size=shape) + rng.normal(size=(*shape[:2], 1)) + rng.normal(size=(number, 1, shape[2])))
    errors = 0.3 * np.exp((video + noise)[names * group])
    errors[..., 2:] *= others
    for i in range(len(MEASURES)):
        errors[:, i, 1:] *= np.where(np.arange(len(ROWS)) == i, 1.0, crossed)
    if skew:
        errors[..., 0] = errors[..., 1] + 0.1 * skew * (rng.exponential(size=(number, 1)) - 1)
    errors[..., 0] *= gain
    tables = [{m: errors[:, i, k] for i, m in enumerate(MEASURES)} for k in range(shape[2])]
    return judge(
        tables[0],
        dict(zip(ROWS, tables[1:], strict=True)),
        {m: np.full(number, 1e3) for m in MEASURES},
        held_out=True,
        generator=rng,
        units=[str(name) for name in names],
    )


def rates(number: int, *, trials: int, seed: int, **settings: float) -> tuple[float, float]:
    """Shares of ``trials`` verdicts that say "better", and that call a measure worse."""
    rng = np.random.default_rng([seed, number])
    verdicts = [made(rng, number, **settings) for _ in range(trials)]
    worse = [any(finding.kind == "worse" for finding in verdict.findings) for verdict in verdicts]
    return float(np.mean([verdict.better for verdict in verdicts])), float(np.mean(worse))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print("| adapted model | " + " | ".join(f"{number} videos" for number in NUMBERS) + " |")
    print("|---|" + "---|" * len(NUMBERS))
    for name, settings in KINDS.items():
        cells = [rates(number, trials=trials, seed=0, **settings) for number in NUMBERS]
        print(f"| {name} | " + " | ".join(f"{b:.3f}, {w:.3f}" for b, w in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
