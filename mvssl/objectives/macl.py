"""MACL: NT-Xent whose temperature follows how well views agree, with more weight on easy rows' vanishing gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..types import Context, Dims, Features, Needs
from ._heads import ViewHeads, mlp
from ._nce import NEGATIVES, contrast
from ._objective import Objective
from ._rows import clip_dims, clip_rows, view_pairs


class MACL(Objective):
    r"""Huang et al. 2023, "Model-Aware Contrastive Learning: Towards Escaping the Dilemmas", eq. 6 and 9.

    .. math:: -\overline{\frac{1}{1 - P_i} \log P_i}, \qquad \tau = \tau_0 (1 + \alpha (A - A_0))

    P_i: softmax probability of the positive as in NT-Xent; A: the mean cosine of the positives of all ranks. The weight
    and A carry no gradient.

    Args:
        temperature: tau_0.
        alpha: how far the temperature follows A; 0 = fixed.
        threshold: A_0.
        hidden_dim, dim: widths of the projector.
        negatives: "other_sessions" leaves the rows of the anchor's session out of the sum, "all" only its own sample.

    Departures: 1 - P_i is at least 1e-8 where P_i reaches 1 in float32. The defaults of tau_0, alpha and A_0 are those
    of the lightly library, the authors' being unpublished.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        alpha: float = 0.5,
        threshold: float = 0.0,
        hidden_dim: int = 512,
        dim: int = 128,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
    ):
        super().__init__()
        self.temperature = model_aware(temperature, alpha, threshold)
        self.hidden_dim, self.dim = hidden_dim, dim
        self.negatives = NEGATIVES[negatives]

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, self.hidden_dim, self.dim]))

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        z = {name: F.normalize(x, dim=1) for name, x in self.projector(clips, present).items()}
        losses = [
            contrast(
                [z[i], z[j]],
                [present[i] & present[j]] * 2,
                context,
                temperature=self.temperature,
                negatives=self.negatives,
                weight=inverse_error,
            )[0]
            for i, j in view_pairs(z)
        ]
        return {"loss": torch.stack(losses).mean()}


def model_aware(temperature: float, alpha: float, threshold: float) -> Callable[[Tensor], Tensor]:
    """Temperature from the cosines of the positives (n,): temperature x (1 + alpha x (mean - threshold))."""
    return lambda cosine: temperature * (1.0 + alpha * (cosine.sum() / max(1, len(cosine)) - threshold))


def inverse_error(losses: Tensor) -> Tensor:
    """1 / (1 - P) of each row, P = exp(-loss): (n,) -> (n,)"""
    return 1.0 / (-torch.expm1(-losses)).clamp(min=1e-8)
