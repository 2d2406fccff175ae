"""How sure a match is: the probability that two videos show the same action, and the confidence of each matched frame.

The probability is a logistic curve of one number that does not depend on the scale of the embedding's distances: how
far below the cost of unrelated frames the matches lie, times the share of the two videos that they cover.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mvssl.dtw import WarpingPath
from mvssl.errors import InputError


class Calibration(NamedTuple):
    """The logistic curve from evidence to probability: 1 / (1 + exp(-slope (evidence - middle)))."""

    slope: float
    middle: float


IMAGENET = Calibration(20.0, 0.108)  # fitted on pairs of demo videos; docs/alignment.md shows the curve and its limits


def path_evidence(cost: np.ndarray, path: WarpingPath, *, covered: float | None = None) -> float:
    """Contrast times coverage: 0 for unrelated videos, 1 for equal ones.

    Contrast: 1 - (mean cost of the matches) / (median cost of the matrix). Coverage: the share of all frames of both
    videos that lie between the ends of the path; ``covered`` sets it (a place inside a long video covers it never).
    """
    unrelated = float(np.median(cost))
    if unrelated <= 0:
        return 0.0
    contrast = 1.0 - float(cost[path.reference, path.query].mean()) / unrelated
    if covered is None:
        covered = sum(int(np.ptp(rows)) + 1 for rows in (path.reference, path.query)) / sum(cost.shape)
    return contrast * covered


def pair_probability(evidence: float, calibration: Calibration = IMAGENET) -> float:
    """Probability that two videos with this evidence show the same action, both answers equally likely beforehand."""
    score = np.clip(calibration.slope * (evidence - calibration.middle), -50.0, 50.0)
    return float(1.0 / (1.0 + np.exp(-score)))


def fit_calibration(evidence: np.ndarray, alike: np.ndarray) -> Calibration:
    """The curve that fits pairs whose answer is known (Platt 1999), both kinds of pairs weighing the same in total.

    Args:
        evidence: (P,) of each pair.
        alike: (P,) bool: whether the two show the same action.

    Raises:
        InputError: only one kind of pair, or evidence that does not rise with the answer.
    """
    from sklearn.linear_model import LogisticRegression

    evidence, alike = np.asarray(evidence, dtype=np.float64), np.asarray(alike, dtype=bool)
    if alike.all() or not alike.any():
        raise InputError("calibration needs pairs that match and pairs that do not; these are all of one kind")
    # Platt's softened targets, as weights of both answers: finite also where the two kinds are cleanly apart
    num_alike, num_other = int(alike.sum()), int((~alike).sum())
    target = np.where(alike, (num_alike + 1) / (num_alike + 2), 1 / (num_other + 2))
    share = np.where(alike, 0.5 / num_alike, 0.5 / num_other) * len(alike)
    rows = np.concatenate([evidence, evidence])[:, None] * 100.0
    model = LogisticRegression(C=1e6, max_iter=1000).fit(
        rows, np.repeat([1, 0], len(alike)), sample_weight=np.concatenate([target * share, (1 - target) * share])
    )
    slope = float(model.coef_[0, 0]) * 100.0
    if slope <= 0:
        raise InputError("matching pairs have no more evidence than others: this model does not tell the actions apart")
    return Calibration(slope, -float(model.intercept_[0]) / slope)


def match_confidence(cost: np.ndarray, path: WarpingPath, probability: float) -> np.ndarray:
    """(L,) confidence of each match: the pair's probability times the share of all cells that cost more."""
    ordered = np.sort(cost, axis=None)
    rank = np.searchsorted(ordered, cost[path.reference, path.query], side="right") / ordered.size
    return (probability * (1.0 - rank)).astype(np.float32)
