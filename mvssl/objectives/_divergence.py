"""Divergences between the similarities of pairs, and the dependence of features on which sample they came from."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributed import global_count, sum_with_grad


def skew_renyi(positive: Tensor, negative: Tensor, *, gamma: float, alpha: float, bound: float) -> Tensor:
    """Minus the variational bound of the skew Renyi divergence, from the similarities of this rank's pairs.

        -1 / (gamma - 1) log E_pos e^{(gamma - 1) s}
        + 1 / gamma log(alpha E_pos e^{gamma s} + (1 - alpha) E_neg e^{gamma s})

    The means are over the pairs of all ranks. gamma = 1: the first term is -E_pos s. The least value is
    -log(1 / alpha) / gamma.

    Args:
        positive, negative: (p,), (n,) similarities over temperature. Without any positive on any rank: 0.
        bound: no similarity is above it; taken out of the exponents.
    """

    if global_count(float(len(positive))) == 0:
        return positive.sum() + negative.sum() * 0.0

    def mean(values: Tensor) -> Tensor:
        total = sum_with_grad(torch.stack([values.sum(), values.new_tensor(float(len(values)))]))
        return total[0] / total[1].clamp(min=1.0)

    tilted = mean((gamma * (positive - bound)).exp()), mean((gamma * (negative - bound)).exp())
    second = (alpha * tilted[0] + (1.0 - alpha) * tilted[1]).log() / gamma + bound
    if gamma == 1.0:
        return second - mean(positive)
    return second - (mean(((gamma - 1.0) * (positive - bound)).exp()).log() / (gamma - 1.0) + bound)


def entropy_of_mean(*p: Tensor) -> Tensor:
    """H of the mean of all rows of all tensors (n, K) and ranks."""
    count = global_count(float(sum(len(x) for x in p))).clamp(min=1.0)
    mean = sum_with_grad(torch.stack([x.sum(0) for x in p]).sum(0)) / count.to(p[0].dtype)
    return torch.special.entr(mean).sum()


def imq(squared_distance: Tensor, width: Tensor) -> Tensor:
    """Inverse multiquadric kernel c / sqrt(c^2 + ||x - y||^2)."""
    return width / (width**2 + squared_distance).sqrt()


def imq_features(z: Tensor, width: Tensor, directions: Tensor, scales: Tensor) -> Tensor:
    """Random Fourier features of the inverse multiquadric kernel: (n, D) -> (n, 2 F); their products approximate it.

    (1 + r^2 / c^2)^(-1/2) is the mean of exp(-g^2 r^2 / (2 c^2)) over a normal g, and the Gaussian kernel with that g
    is the mean of cos(w.r) over w = g n / c, n normal: two normal draws, where the spectral density needs Bessel
    functions.

    Args:
        directions: (F, D) normal draws. scales: (F,) normal draws.
    """
    phase = z @ (directions * scales[:, None]).T / width
    return torch.cat([phase.cos(), phase.sin()], 1) / len(scales) ** 0.5


def group_sums(rows: Tensor, group: Tensor) -> Tensor:
    """Sums of the rows of each group: (n, F), (n,) any int64 -> (number of groups, F)."""
    names, place = group.unique(return_inverse=True)
    return rows.new_zeros(len(names), rows.shape[1]).index_add_(0, place, rows)


def centred_cross(phi: Tensor, other: Tensor) -> Tensor:
    """||phi^T H other||^2 / n^2, the biased HSIC of two feature maps of the same rows: (n, F), (n, F') -> scalar."""
    n = max(1, len(phi))
    if n < phi.shape[1]:  # the n x n kernels are smaller than the F x F product
        return biased_hsic(phi @ phi.T, other @ other.T)
    return ((phi - phi.sum(0) / n).T @ other).square().sum() / n**2


def biased_hsic(kernel: Tensor, other: Tensor) -> Tensor:
    """trace(K H L H) / n^2 of two kernel matrices (n, n): the biased HSIC."""
    centred = kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
    return (centred * other).sum() / max(1, len(kernel)) ** 2
