"""CVRL: two clips of one video find each other among the clips of all videos."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..types import Context, Dims, Features, Needs
from ._heads import ViewHeads, mlp
from ._nce import NEGATIVES, constant, contrast
from ._objective import Objective
from ._rows import clip_dims, clip_rows, view_pairs


class CVRL(Objective):
    r"""Spatiotemporal contrastive video representation learning (Qian et al., CVPR 2021, arXiv 2008.03800, equation 1).

        l_i = -log( exp(z_i.z_i' / temperature) / sum_{k != i} exp(z_i.z_k / temperature) )

    over the clips of both views and of all processes, z: unit vectors. The authors' code adds the means of the two
    views, so ``scale`` is 2 (twice NT-Xent). More than two views: the mean over pairs. The temporal part of CVRL is its
    sampler (decreasing gaps) and its augmentation (one draw per clip).

    Args:
        temperature: of the softmax.
        num_hidden, hidden_dim, dim: the projector: hidden layers, their width, size of z.
        negatives: "other_sessions": clips of the anchor's session are no negatives; "all": only its own sample is not.
        scale: factor of the mean over anchors.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        num_hidden: int = 3,
        hidden_dim: int = 2048,
        dim: int = 128,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
        scale: float = 2.0,
    ):
        super().__init__()
        self.temperature, self.num_hidden, self.hidden_dim, self.dim = temperature, num_hidden, hidden_dim, dim
        self.negatives, self.scale = NEGATIVES[negatives], scale

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        hidden = [self.hidden_dim] * self.num_hidden
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, *hidden, self.dim]))

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        z = {name: F.normalize(x, dim=1) for name, x in self.projector(clips, present).items()}
        losses = []
        for a, b in view_pairs(z):
            both = present[a] & present[b]
            temperature = constant(self.temperature)
            losses.append(
                contrast([z[a], z[b]], [both, both], context, temperature=temperature, negatives=self.negatives)[0]
            )
        return {"loss": self.scale * torch.stack(losses).mean()}
