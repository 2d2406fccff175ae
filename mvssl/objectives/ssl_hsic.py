"""SSL-HSIC: features depend on which sample they came from, and on little else. All views at once."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..distributed import gather, gather_with_grad
from ..types import Context, Dims, Features, Needs
from ._divergence import biased_hsic, centred_cross, group_sums, imq, imq_features
from ._ema import EMA, cosine_momentum
from ._heads import ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows


class SSLHSIC(Objective):
    r"""Li et al. 2021, "Self-Supervised Learning with Kernel Dependence Maximization", eq. 6 to 8.

    .. math:: -HSIC(Z, Y) + \gamma \sqrt{HSIC(Z, Z)}, \qquad k(z, z') = c / \sqrt{c^2 + \|z - z'\|^2}

    Z: L2-normalised predictions of every view, and projections of every view by the EMA of encoder and projector
    (without gradient); Y: the sample. HSIC(Z, Y): the mean of k over pairs of different rows of one sample, less its
    mean over all pairs; HSIC(Z, Z) = ||phi(Z)^T H phi'(Z)||^2 / n^2. Any number of views; absent ones are left out.

    The width c is learnt by ascent on the mean of log |dk / d||z - z'||^2| over pairs of different samples (best at
    c^2 = s / 2 if all squared distances are s): ``param_groups`` has it in a group of its own with ``maximize``.

    Args:
        gamma: weight of the second term, which falls as 1 / sqrt(n) (paper: 3, at batch 4096).
        num_features: random Fourier features for all but the pairs of one sample, drawn anew in each step, twice
            for HSIC(Z, Z); 0 = the kernel itself, of n x n entries.
        width: c at the start.
        width_lr: learning rate of log c; 0 keeps c.
        momentum: of the projector's EMA at the start, rising to 1 by a cosine. Set the encoder's to the same.
        hidden_dim, dim: widths of projector and predictor.
        negatives: "other_sessions" leaves pairs of different samples of one session out of the mean over all pairs.

    Departures: gamma = 1 for small batches (paper: 3; at batch 128 it collapses without the EMA rows, which always take
    part here, and separates classes less with them); the pairs of one sample are taken exactly and without the pair of
    a row with itself (authors: by features, with it, which adds a constant); hidden layers 1024 (paper: 4096); random
    features by two normal draws instead of the spectral density; log c is the parameter.
    """

    def __init__(
        self,
        *,
        gamma: float = 1.0,
        num_features: int = 512,
        width: float = 1.0,
        width_lr: float = 3e-4,
        momentum: float = 0.99,
        hidden_dim: int = 1024,
        dim: int = 256,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
    ):
        super().__init__()
        self.gamma, self.num_features, self.width_lr, self.momentum = gamma, num_features, width_lr, momentum
        self.hidden_dim, self.dim, self.negatives = hidden_dim, dim, negatives
        self.log_width = nn.Parameter(torch.tensor(math.log(width)))

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True, ema_parts=("projector",))

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, self.hidden_dim, self.dim]))
        self.predictor = mlp([self.dim, self.hidden_dim, self.dim])
        self.target = EMA(self.projector)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        assert context.target is not None
        clips, present = clip_rows(features, context)
        online = [self.predictor(z, present[name]) for name, z in self.projector(clips, present).items()]
        target = self.target(*clip_rows(context.target, context)).values()
        z = torch.stack([gather_with_grad(F.normalize(x, dim=1)) for x in (*online, *target)])  # (2 V, N, D)
        valid = torch.stack([gather(mask) for mask in present.values()]).repeat(2, 1)
        sample = torch.arange(z.shape[1], device=z.device)
        session_id = gather(context.session_id) if self.negatives == "other_sessions" else sample

        width = self.log_width.detach().exp().to(z.dtype)
        together = _same_sample(z, valid, width)
        rows, ids, sessions = z[valid], *(x.expand(len(z), -1)[valid] for x in (sample, session_id))
        if self.num_features:
            features_of = [imq_features(rows, width, *self._draw(rows, context)) for _ in range(2)]
            overall = _mean_by_sums(features_of[0], ids, sessions)
            spread = centred_cross(*features_of)
        else:
            kernel = imq((2.0 - 2.0 * rows @ rows.T).clamp(min=0.0), width)
            compared = kernel[(ids[:, None] == ids) | (sessions[:, None] != sessions)]
            overall = compared.sum() / max(1, len(compared))
            spread = biased_hsic(kernel, kernel)
        dependence = together - overall
        loss = self.gamma * (spread + 1e-8).sqrt() - dependence
        sharpness = _log_slope(z[0].detach()[valid[0]], self.log_width.exp().to(z.dtype))
        return {
            "loss": loss + (sharpness - sharpness.detach()),  # the width's gradient alone; its group ascends
            "dependence": dependence.detach(),
            "spread": spread.detach(),
            "width": width,
        }

    def _draw(self, rows: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Normal directions (F, D) and scales (F,): those of the first rank on all."""
        source = context.generator or torch.Generator().manual_seed(context.step)
        normal = torch.randn(self.num_features, self.dim + 1, generator=source, device=source.device).to(rows)
        normal = gather(normal)[: self.num_features]
        return normal[:, 1:], normal[:, 0]

    def after_step(self, context: Context) -> None:
        self.target.update(self.projector, cosine_momentum(self.momentum, context.progress))

    def param_groups(self) -> list[dict[str, Any]]:
        others = [p for p in self.parameters() if p is not self.log_width]
        width = {"params": [self.log_width], "lr": self.width_lr, "weight_decay": 0.0, "maximize": True}
        return [{"params": others}, width]


def _same_sample(z: Tensor, valid: Tensor, width: Tensor) -> Tensor:
    """Mean kernel over pairs of different rows of one sample: (V, N, D), (V, N) -> scalar."""
    pairs = [imq((z[p] - z[q]).square().sum(1), width)[valid[p] & valid[q]] for p, q in combinations(range(len(z)), 2)]
    values = torch.cat(pairs)
    return values.sum() / max(1, len(values))


def _mean_by_sums(phi: Tensor, sample: Tensor, session_id: Tensor) -> Tensor:
    """Mean of phi_i . phi_j over pairs of one sample (also i = j) or of different sessions."""
    total, count = phi.sum(0).square().sum(), len(phi) ** 2
    for sign, group in ((-1, session_id), (1, sample)):
        total = total + sign * group_sums(phi, group).square().sum()
        count = count + sign * int(group.unique(return_counts=True)[1].square().sum())
    return total / max(1, count)


def _log_slope(z: Tensor, width: Tensor) -> Tensor:
    """Mean of log |dk / d squared distance| over pairs of different rows."""
    squared = torch.cdist(z, z).square()[~torch.eye(len(z), dtype=torch.bool, device=z.device)]
    slopes = (width / 2.0).log() - 1.5 * (width**2 + squared).log()
    return slopes.sum() / max(1, len(slopes))
