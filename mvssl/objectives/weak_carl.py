"""Weakly supervised CARL: sequence contrast also between two videos of one class, along a path found by DTW."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..distributed import global_count, mean_over_batch
from ..errors import ConfigError
from ..types import Context, Features, Needs
from ._frames import Projection, ViewFrames, frames_of
from ._pairs import sequence_pairs, take
from ._warp import Warp, global_quantile, warp
from .carl import CARL, sequence_contrast


class WeakCARL(CARL):
    r"""CARL with video labels (Chen et al. 2022, arXiv 2212.03125). There is no public code: this is our reading of
    "more sample pairs among videos ... by dynamic time warping".

        loss = CARL + weak_weight * mean over pairs of videos of one class, both directions, of KL(G || P)

    For a pair, DTW with open beginning and open end runs on 1 - z.z' of the detached embeddings; it says where each
    frame j of one video lies on the clock of the other, t'_j seconds (the mean, if it has several partners). G and P
    are CARL's with |t_i - t'_j| in place of |t_i - t_j|. Frames that the path leaves out take no part: as candidates
    without a share they would be pushed away, the next path would leave out more, and so on (it happened). Pairs whose
    path costs more than the ``cost_quantile`` of the step's pairs (of all processes) are dropped and counted. Up to
    ``warm_up`` of the training, embeddings are left to CARL alone: a path through untrained ones means nothing.

    Args:
        weak_weight: of the second term.
        warm_up: share of the training with the first term alone.
        cost_quantile: share of the pairs that is kept; 1 keeps all.
        weak_sigma_s: width of the target between videos in seconds; None = sigma_s.
        temperature, sigma_s, sigma_frames, fps, clock, negatives, ignore_nearest: CARL's.
        projection, projection_hidden, projection_dim: CARL's.
    """

    def __init__(
        self,
        *,
        weak_weight: float = 1.0,
        warm_up: float = 0.2,
        cost_quantile: float = 0.75,
        weak_sigma_s: float | None = None,
        temperature: float = 0.1,
        sigma_s: float = 0.1265,
        sigma_frames: float | None = None,
        fps: float = 25.0,
        clock: Literal["seconds", "normalised"] = "seconds",
        negatives: Literal["single", "batch", "gathered"] = "single",
        ignore_nearest: float = 0.0,
        projection: Projection = "mlp",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__(
            temperature=temperature,
            sigma_s=sigma_s,
            sigma_frames=sigma_frames,
            fps=fps,
            clock=clock,
            negatives=negatives,
            ignore_nearest=ignore_nearest,
            projection=projection,
            projection_hidden=projection_hidden,
            projection_dim=projection_dim,
        )
        if not (0 <= warm_up <= 1 and 0 < cost_quantile <= 1):
            raise ConfigError(f"weak_carl: warm_up and cost_quantile are shares, got {warm_up} and {cost_quantile}")
        self.weak_weight, self.warm_up, self.cost_quantile = weak_weight, warm_up, cost_quantile
        self.weak_sigma_s = self.sigma_s if weak_sigma_s is None else weak_sigma_s

    @property
    def needs(self) -> Needs:
        return Needs(views=2, frames=True, pairs="label")

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        views = frames_of(features, context, self.head)
        out = self.contrast_views(views, context)
        if context.progress < self.warm_up:
            return out
        x, y = sequence_pairs(views, context, "label")
        warped = warp(x, y)
        keep = warped.cost <= global_quantile(warped.cost, self.cost_quantile)
        x, y, kept = take(x, keep), take(y, keep), Warp(*(value[keep] for value in warped))
        there = self._contrast(x, kept.matched_x, y, kept.time_on_x_s, kept.matched_y)
        back = self._contrast(y, kept.matched_y, x, kept.time_on_y_s, kept.matched_x)
        weak = mean_over_batch(torch.cat([there, back]))
        return {
            **out,
            "loss": out["loss"] + self.weak_weight * weak,
            "carl": out["loss"].detach(),
            "weak": weak.detach(),
            "weak_path_cost": mean_over_batch(warped.cost),
            "weak_pairs": global_count(keep),
            "weak_pairs_dropped": global_count(~keep),
        }

    def _contrast(self, a: ViewFrames, rows: Tensor, b: ViewFrames, time_on_a_s: Tensor, columns: Tensor) -> Tensor:
        """Divergences of the matched frames of a; the matched frames of b stand at their times on the clock of a."""
        a, b = a._replace(valid=rows), b._replace(time_s=time_on_a_s, valid=columns)
        return sequence_contrast(a, b, sigma_s=self.weak_sigma_s, temperature=self.temperature)[0]
