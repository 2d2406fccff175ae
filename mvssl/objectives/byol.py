"""BYOL: predict what a slowly moving copy of the network makes of the other view. No negatives."""

from __future__ import annotations

from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributed import mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._ema import EMA, cosine_momentum
from ._heads import ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows, select


class BYOL(Objective):
    r"""Grill et al. 2020, "Bootstrap Your Own Latent", eq. 2, both directions.

    .. math:: 2 - 2 \cos(q(z), z'_\xi) \;+\; 2 - 2 \cos(q(z'), z_\xi)

    z the projection, q the predictor, xi the EMA of encoder and projector (without gradient); the mean over rows, and
    over pairs of views.

    Args:
        hidden_dim: width of the hidden layer of projector and predictor.
        dim: width of z.
        momentum: of the projector's EMA at the start, rising to 1 by a cosine. Set the encoder's to the same.

    Departures: hidden layer 1024 (paper: 4096), momentum .99 (paper: .996 at 1000 epochs, .99 at 300), both for short
    runs on small data. As in the authors' code, the EMA's batch norms use the statistics of their own batch.
    """

    def __init__(self, *, hidden_dim: int = 1024, dim: int = 256, momentum: float = 0.99):
        super().__init__()
        self.hidden_dim, self.dim, self.momentum = hidden_dim, dim, momentum

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
        projected = self.projector(clips, present)
        predicted = {name: self.predictor(z, present[name]) for name, z in projected.items()}
        target = self.target(*clip_rows(context.target, context))
        errors = []
        for i, j in permutations(predicted, 2):
            both = present[i] & present[j]
            errors.append(mean_over_batch(cosine_error(select(predicted[i], both), select(target[j], both))))
        loss = 2.0 * torch.stack(errors).mean()
        return {"loss": loss, "cosine": 1.0 - loss.detach() / 4.0}

    def after_step(self, context: Context) -> None:
        self.target.update(self.projector, cosine_momentum(self.momentum, context.progress))


def cosine_error(p: Tensor, z: Tensor) -> Tensor:
    """2 - 2 cos of each row: the squared distance of the normalised vectors. (n, D), (n, D) -> (n,)"""
    return 2.0 - 2.0 * F.cosine_similarity(p, z, dim=-1)
