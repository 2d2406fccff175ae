"""SupCon: all clips with the anchor's label are its positives."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..types import Context, Dims, Features, Needs
from ._heads import ViewHeads, mlp
from ._nce import NEGATIVES, constant, contrast, same_label
from ._objective import Objective
from ._rows import clip_dims, clip_rows


class SupCon(Objective):
    r"""Khosla et al. 2020, "Supervised Contrastive Learning", eq. 2 (the sum over positives outside the logarithm).

    .. math::
        -\frac{1}{|P_i|} \sum_{p \in P_i} \log \frac{e^{z_i \cdot z_p / \tau}}{\sum_{a \ne i} e^{z_i \cdot z_a / \tau}}

    over the rows of all views at once; the mean over the anchors that have a positive. P_i: the other views of the
    sample and every row with its label; a sample without label has its own views alone. Two views and no labels:
    NT-Xent. Three views and no labels: each positive's denominator holds the other positive too (that of NT-Xent by
    pairs does not).

    Args:
        temperature: tau.
        hidden_dim, dim: widths of the projector.
        negatives: "all" other samples, or "other_sessions": clips of the anchor's session are no negatives.

    Departures: no factor tau / tau_0 in front (authors' code: .07 / .07 = 1).
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        hidden_dim: int = 512,
        dim: int = 128,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
    ):
        super().__init__()
        self.temperature, self.hidden_dim, self.dim = temperature, hidden_dim, dim
        self.negatives = NEGATIVES[negatives]

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True, label=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, self.hidden_dim, self.dim]))

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        z = [F.normalize(x, dim=1) for x in self.projector(clips, present).values()]
        loss, _ = contrast(
            z,
            list(present.values()),
            context,
            temperature=constant(self.temperature),
            negatives=self.negatives,
            positives=same_label,
        )
        return {"loss": loss}
