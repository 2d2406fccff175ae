"""Consistent assignment: both views of a clip fall to the same learnt prototype, and all prototypes are used alike.

(The other method called CARL: "Consistent Assignment for Representation Learning". ``carl`` is the frame-wise one.)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..distributed import mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._divergence import entropy_of_mean
from ._heads import NormedLinear, ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows, select, view_pairs


class ConsistentAssignment(Objective):
    r"""Silva and Ramirez Rivera 2021, "Representation Learning via Consistent Assignment of Views to Clusters".

    .. math:: -\overline{\log \langle p, q \rangle} + \lambda \, KL(\bar p \,\|\, U)

    p, q: softmax over K prototypes of the cosine to each, over the temperature; the mean of p is over the rows of all
    views and ranks; U is uniform. 0 for sure, alike and balanced assignments, log K for uniform rows, lambda log K if
    all rows fall to one prototype: lambda has to be above 1, or that collapse is cheaper than uniform rows.

    Args:
        num_prototypes: K.
        hidden_dim, dim: widths of the projector.
        balance: lambda.
        temperature: of the softmax.

    Departures: the paper's K, lambda and temperature are not known to us: these are ours (on small batches; K of the
    order of the batch). Both views come from the trained network (the successor of the method uses an EMA for one).
    The logarithm of the scalar product is taken as a logsumexp, without a floor.
    """

    def __init__(
        self,
        *,
        num_prototypes: int = 128,
        hidden_dim: int = 512,
        dim: int = 128,
        balance: float = 2.0,
        temperature: float = 0.1,
    ):
        super().__init__()
        self.num_prototypes, self.hidden_dim, self.dim = num_prototypes, hidden_dim, dim
        self.balance, self.temperature = balance, temperature

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, self.hidden_dim, self.dim]))
        self.prototypes = NormedLinear(self.dim, self.num_prototypes)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        log_p = {
            name: (self.prototypes(z) / self.temperature).log_softmax(1)
            for name, z in self.projector(clips, present).items()
        }
        pairs = view_pairs(log_p)
        both = [(select(log_p[i], m), select(log_p[j], m)) for i, j in pairs for m in [present[i] & present[j]]]
        consistency = torch.stack([mean_over_batch(disagreement(*pair)) for pair in both]).mean()
        balance = math.log(self.num_prototypes) - entropy_of_mean(*(select(log_p[n], present[n]).exp() for n in log_p))
        return {
            "loss": consistency + self.balance * balance,
            "disagreement": consistency.detach(),
            "imbalance": balance.detach(),
        }


def disagreement(log_p: Tensor, log_q: Tensor) -> Tensor:
    """-log <p, q> of each row: (n, K), (n, K) -> (n,)"""
    return -(log_p + log_q).logsumexp(1)
