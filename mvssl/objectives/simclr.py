"""SimCLR: two views of a clip find each other among all clips of the batch."""

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


class SimCLR(Objective):
    r"""NT-Xent, Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", eq. 1.

    .. math:: \ell_i = -\log \frac{e^{z_i \cdot z_i' / \tau}}{\sum_{j \ne i} e^{z_i \cdot z_j / \tau}}

    over the 2N rows of two views, z the L2-normalised projections; more than two views: the mean over pairs of views.

    Args:
        temperature: tau.
        hidden_dim, dim: width of the projector's hidden layer and of z.
        negatives: "other_sessions" leaves the rows of the anchor's session out of the sum, "all" only its own sample.
        scale: factor of the loss; 1 is the mean over the 2N anchors. The authors' code returns twice that.

    Departures: the hidden layer is as wide as small backbones are (paper: 2048, that of the backbone); negatives leave
    out the session, which changes nothing where a batch holds a session once.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        hidden_dim: int = 512,
        dim: int = 128,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
        scale: float = 1.0,
    ):
        super().__init__()
        self.temperature, self.hidden_dim, self.dim, self.scale = temperature, hidden_dim, dim, scale
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
                temperature=constant(self.temperature),
                negatives=self.negatives,
            )[0]
            for i, j in view_pairs(z)
        ]
        return {"loss": self.scale * torch.stack(losses).mean()}
