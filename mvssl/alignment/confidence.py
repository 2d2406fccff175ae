"""How sure a match is: the probability that two videos show the same action, and the confidence of each matched frame.

The probability is a logistic curve of two numbers that do not depend on the scale of the embedding's distances: how far
below the cost of unrelated frames the path runs, and how much of the two videos it covers.
"""

from __future__ import annotations

import numpy as np

from mvssl.dtw import WarpingPath


def path_evidence(cost: np.ndarray, path: WarpingPath) -> np.ndarray:
    """(2,) evidence that a path is a match: contrast, coverage.

    Contrast: 1 - (mean cost along the path) / (median cost of the matrix). Coverage: the share of the shorter video's
    frames between the ends of the path.
    """
    on_path = float(cost[path.reference, path.query].mean())
    unrelated = float(np.median(cost))
    contrast = 1.0 - on_path / unrelated if unrelated > 0 else 0.0
    spans = [(rows.max() - rows.min() + 1) / size for rows, size in zip((path.reference, path.query), cost.shape)]
    return np.array([contrast, max(spans)])


WEIGHTS = np.array([25.0, 0.0])
BIAS = -3.0


def pair_probability(cost: np.ndarray, path: WarpingPath) -> float:
    """Probability that the two videos show the same action, from their costs and the path through them."""
    score = float(WEIGHTS @ path_evidence(cost, path) + BIAS)
    return float(1.0 / (1.0 + np.exp(-np.clip(score, -50.0, 50.0))))


def match_confidence(cost: np.ndarray, path: WarpingPath, probability: float) -> np.ndarray:
    """(L,) confidence of each match: the pair's probability times the share of all cells that cost more."""
    ordered = np.sort(cost, axis=None)
    rank = np.searchsorted(ordered, cost[path.reference, path.query], side="right") / ordered.size
    return (probability * (1.0 - rank)).astype(np.float32)
