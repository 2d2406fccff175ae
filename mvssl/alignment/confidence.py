"""How sure a match is: the probability that two videos show the same action, and the confidence of each matched frame.

Two things speak for a pair: how far below the cost of unrelated frames its matches lie, which does not depend on scene
and person, and how alike the matched frames are as they stand. What weight each deserves depends on the model: frames
of an ImageNet backbone need both; a trained encoder runs through much the same curve for every action, so that only
the second tells actions apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mvssl.dtw import WarpingPath
from mvssl.errors import InputError


class Evidence(NamedTuple):
    """What speaks for two videos showing the same action."""

    contrast: float  # 1 - (mean cost of the matches) / (median cost of all pairs), times coverage: 0 unrelated, 1 equal
    similarity: float  # mean cosine of the matched frames, nothing subtracted


class Calibration(NamedTuple):
    """The logistic curve from evidence to probability, and the evidence that it was fitted on."""

    contrast: float
    similarity: float
    bias: float
    contrast_range: tuple[float, float] = (-np.inf, np.inf)  # of the pairs it was fitted on, without the outermost 1 %
    similarity_range: tuple[float, float] = (-np.inf, np.inf)

    def covers(self, evidence: Evidence) -> bool:
        """Whether the curve was fitted on evidence like this, or both kinds are stronger still; beyond, it is a guess."""
        rows = list(zip(evidence, (self.contrast_range, self.similarity_range), strict=True))
        return all(low <= value <= high for value, (low, high) in rows) or all(
            value > high for value, (_, high) in rows
        )


# fitted on pairs of demo videos, TRAINED with the default recipe; docs/alignment.md: the curves and their limits
IMAGENET = Calibration(12.58, 5.49, -3.96, (-0.026, 0.276), (0.370, 0.669))
TRAINED = Calibration(0.76, 15.49, -10.14, (0.162, 0.881), (0.250, 0.905))


def path_evidence(cost: np.ndarray, path: WarpingPath, cosine: np.ndarray, *, covered: float | None = None) -> Evidence:
    """The evidence of a path.

    Args:
        cost: (N, M) that the path was found in.
        cosine: (L,) of the matched frames, uncentred.
        covered: coverage, by default the share of all frames of both videos that lie between the ends of the path
            (a place inside a long video covers it never).
    """
    similarity = float(np.mean(cosine))
    unrelated = float(np.median(cost))
    if unrelated <= 0:
        return Evidence(0.0, similarity)
    if covered is None:
        covered = sum(int(np.ptp(rows)) + 1 for rows in (path.reference, path.query)) / sum(cost.shape)
    return Evidence((1.0 - float(cost[path.reference, path.query].mean()) / unrelated) * covered, similarity)


def pair_probability(evidence: Evidence, calibration: Calibration = IMAGENET) -> float:
    """Probability that two videos with this evidence show the same action, both answers equally likely beforehand.

    Matches that are no closer than unrelated frames (contrast 0) are none, whatever the similarity.
    """
    if evidence.contrast <= 0:
        return 0.0
    score = calibration.contrast * evidence.contrast + calibration.similarity * evidence.similarity + calibration.bias
    return float(1.0 / (1.0 + np.exp(-np.clip(score, -50.0, 50.0))))


def fit_calibration(evidence: np.ndarray, alike: np.ndarray) -> Calibration:
    """The curve that fits pairs whose answer is known (Platt 1999), both kinds of pairs weighing the same in total.

    Evidence that does not rise with the answer gets no weight.

    Args:
        evidence: (P, 2) contrast and similarity of each pair.
        alike: (P,) bool: whether the two show the same action.

    Raises:
        InputError: only one kind of pair, or no evidence that rises with the answer.
    """
    from sklearn.linear_model import LogisticRegression

    evidence, alike = np.asarray(evidence, dtype=np.float64), np.asarray(alike, dtype=bool)
    if alike.all() or not alike.any():
        raise InputError("calibration needs pairs that match and pairs that do not; these are all of one kind")
    # Platt's softened targets, as weights of both answers: finite also where the two kinds are cleanly apart
    num_alike, num_other = int(alike.sum()), int((~alike).sum())
    target = np.where(alike, (num_alike + 1) / (num_alike + 2), 1 / (num_other + 2))
    share = np.where(alike, 0.5 / num_alike, 0.5 / num_other) * len(alike)
    used = [0, 1]
    while used:
        rows = np.concatenate([evidence, evidence])[:, used] * 100.0
        model = LogisticRegression(C=1e6, max_iter=5000).fit(
            rows, np.repeat([1, 0], len(alike)), sample_weight=np.concatenate([target * share, (1 - target) * share])
        )
        weights = dict(zip(used, model.coef_[0] * 100.0))
        rising = [k for k in used if weights[k] > 0]
        if rising == used:
            low, high = np.quantile(evidence, [0.01, 0.99], axis=0)
            return Calibration(
                float(weights.get(0, 0.0)),
                float(weights.get(1, 0.0)),
                float(model.intercept_[0]),
                (float(low[0]), float(high[0])),
                (float(low[1]), float(high[1])),
            )
        used = rising
    raise InputError("matching pairs have no more evidence than others: this model does not tell the actions apart")


def match_confidence(cost: np.ndarray, path: WarpingPath, probability: float) -> np.ndarray:
    """(L,) confidence of each match: the pair's probability times the share of all cells that cost more."""
    ordered = np.sort(cost, axis=None)
    rank = np.searchsorted(ordered, cost[path.reference, path.query], side="right") / ordered.size
    return (probability * (1.0 - rank)).astype(np.float32)
