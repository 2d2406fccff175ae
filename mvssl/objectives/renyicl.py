"""RenyiCL: positives against negatives by the skew Renyi divergence, which weighs hard negatives up."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributed import gather, rank
from ..types import Context, Dims, Features, Needs
from ._divergence import skew_renyi
from ._ema import EMA, cosine_momentum
from ._heads import ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows


class RenyiCL(Objective):
    r"""Lee and Shin 2022, "RenyiCL: Contrastive Representation Learning with Skew Renyi Divergence", eq. 9.

    .. math::
        -\frac{1}{\gamma - 1} \log E_{pos} e^{(\gamma - 1) s}
        + \frac{1}{\gamma} \log(\alpha E_{pos} e^{\gamma s} + (1 - \alpha) E_{neg} e^{\gamma s})

    s: cosine over temperature between the prediction of one view and the projection of the other by the EMA of encoder
    and projector. The expectations are over the pairs of the whole batch, not row by row; the mean over ordered pairs
    of views. Its least value is -log(1 / alpha) / gamma, at perfect separation.

    Args:
        gamma: order; 1 is its limit.
        alpha: skew; smaller with more negatives.
        temperature: tau.
        momentum: of the projector's EMA at the start, rising to 1 by a cosine. Set the encoder's to the same.
        hidden_dim, dim: widths of projector and predictor.
        negatives: "other_sessions" leaves out the keys of the anchor's session, "all" only those of its sample.

    Departures: the authors' code returns a surrogate with the same gradient and another value; this is the value.
    alpha = 1/4096 and hidden layers of 1024 for small batches (paper: 1/65536 at batch 1024, 4096).
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float = 1 / 4096,
        temperature: float = 0.5,
        momentum: float = 0.99,
        hidden_dim: int = 1024,
        dim: int = 256,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
    ):
        super().__init__()
        self.gamma, self.alpha, self.temperature, self.momentum = gamma, alpha, temperature, momentum
        self.hidden_dim, self.dim, self.negatives = hidden_dim, dim, negatives

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True, ema_parts=("projector",))

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        widths = [self.hidden_dim, self.hidden_dim, self.dim]
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, *widths], last="bn_noaffine"))
        self.predictor = mlp([self.dim, self.hidden_dim, self.dim], last="bn_noaffine")
        self.target = EMA(self.projector)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        assert context.target is not None
        clips, present = clip_rows(features, context)
        projected = self.projector(clips, present)
        queries = {name: F.normalize(self.predictor(z, present[name]), dim=1) for name, z in projected.items()}
        keys = self.target(*clip_rows(context.target, context))
        everywhere = {name: gather(F.normalize(k, dim=1)) for name, k in keys.items()}
        session_id = gather(context.session_id)
        position = torch.arange(len(context.index), device=context.index.device) + rank() * len(context.index)
        negative = position[:, None] != torch.arange(len(session_id), device=position.device)
        if self.negatives == "other_sessions":
            negative &= context.session_id[:, None] != session_id
        losses = []
        for i, j in permutations(queries, 2):
            both = present[i] & present[j]
            similarity = queries[i] @ everywhere[j].T / self.temperature
            losses.append(
                skew_renyi(
                    similarity[both, position[both]],
                    similarity[negative & both[:, None] & gather(both)],
                    gamma=self.gamma,
                    alpha=self.alpha,
                    bound=1.0 / self.temperature,
                )
            )
        return {"loss": torch.stack(losses).mean()}

    def after_step(self, context: Context) -> None:
        self.target.update(self.projector, cosine_momentum(self.momentum, context.progress))
