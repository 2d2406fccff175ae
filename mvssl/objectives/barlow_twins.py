"""Barlow Twins: the cross-correlation of two views is the identity."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributed import GlobalBatchNorm, global_count, sum_with_grad
from ..types import Context, Dims, Features, Needs
from ._heads import ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows, select, view_pairs


class BarlowTwins(Objective):
    r"""Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", eq. 1.

    .. math:: \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2, \qquad C = \hat z^\top \hat z' / N

    z-hat: projections with mean 0 and variance 1 (biased) in each dimension over the rows of all ranks that have both
    views. More than two views: the mean over pairs of views.

    Args:
        redundancy: lambda.
        hidden_dim: width of the projector's two hidden layers.
        dim: width of z, D; memory and time of the loss grow with D^2.
        scale: factor of the loss, whose size is about D at the start. 1 as in the paper's formula; the authors' code
            trains with 1/32 or 0.024, which an optimiser of the Adam kind does not notice.

    Departures: widths 1024 (paper: 8192), for batches far below 2048. C is a sum over all ranks with gradient.
    """

    def __init__(self, *, redundancy: float = 0.0051, hidden_dim: int = 1024, dim: int = 1024, scale: float = 1.0):
        super().__init__()
        self.redundancy, self.hidden_dim, self.dim, self.scale = redundancy, hidden_dim, dim, scale

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        widths = [self.hidden_dim, self.hidden_dim, self.dim]
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, *widths]))
        self.norm = GlobalBatchNorm(self.dim, affine=False, track_running_stats=False)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        z = self.projector(clips, present)
        losses, diagonals = [], []
        for i, j in view_pairs(z):
            both = present[i] & present[j]
            correlation = cross_correlation(self.norm(select(z[i], both)), self.norm(select(z[j], both)))
            losses.append(redundancy_reduction(correlation, self.redundancy))
            diagonals.append(correlation.diagonal().mean())
        return {
            "loss": self.scale * torch.stack(losses).mean(),
            "correlation": torch.stack(diagonals).mean().detach(),
        }


def cross_correlation(z: Tensor, other: Tensor) -> Tensor:
    """Mean of the outer products of the rows of all ranks: (n, D), (n, D) -> (D, D)."""
    count = global_count(float(len(z))).clamp(min=1.0).to(z.dtype)
    return sum_with_grad(z.T @ other) / count


def redundancy_reduction(correlation: Tensor, redundancy: float) -> Tensor:
    """sum (1 - C_ii)^2 + redundancy x sum of the squares off the diagonal."""
    diagonal = correlation.diagonal()
    off_diagonal = correlation.square().sum() - diagonal.square().sum()
    return (1.0 - diagonal).square().sum() + redundancy * off_diagonal
