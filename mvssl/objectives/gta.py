"""GTA: global alignment of two videos by smooth DTW on a contrastive cost, and a cycle through both alignments."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..distributed import global_count, mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of
from ._heads import Head, mlp
from ._objective import Objective
from ._pairs import Pairs, pair_needs, sequence_pairs
from ._smooth_dtw import last_cell, smooth_dtw
from .tcc import smoothed_cross_entropy


class GTA(Objective):
    r"""Global temporal alignment with cycle consistency (Hadji et al., CVPR 2021, arXiv 2105.05217, section 3).

        cost_ij = -log softmax_i(x_i.y_j / temperature)              contrastive over the frames of x
        R(x, y) = smooth DTW table of the cost                       minimum: the smooth one of ``_smooth_dtw``
        cycle   = [softmax_i(-R(x, y)) softmax_i(-R(y, x))]^T        from every frame of x through y back to x
        loss    = mean CE(cycle rows, identity, smoothing) + alignment_weight mean [R(x, y) + R(y, x)] at the last cells

    The cross-entropy takes the cycle's probabilities as logits, as the authors' code does. One cycle per pair, from the
    first of the two. z: unit vectors.

    Args:
        temperature: of the contrastive cost (gamma_f in the code).
        gamma: of the smooth minimum (gamma_s).
        minimum: "mean" the paper's, "soft" that of soft-DTW.
        alignment_weight: of both alignment costs.
        label_smoothing: of the cycle's target.
        pairs: which sequences are aligned: "label" two samples with the same label (the paper: videos of one action),
            "all" every two samples of the batch, "views" the views of one sample.
        projection: head before the loss.
        projection_hidden, projection_dim: its sizes.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        gamma: float = 0.1,
        minimum: Literal["mean", "soft"] = "mean",
        alignment_weight: float = 0.1,
        label_smoothing: float = 0.1,
        pairs: Pairs = "label",
        projection: Projection = "none",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        self.temperature, self.gamma, self.alignment_weight = temperature, gamma, alignment_weight
        self.minimum: Literal["mean", "soft"] = minimum
        self.label_smoothing, self.pairs = label_smoothing, pairs
        self.projection, self.projection_hidden, self.projection_dim = projection, projection_hidden, projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return pair_needs(self.pairs)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        if self.projection == "mlp":
            self.head = mlp([frame_dim(dims, "gta"), self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        x, y = sequence_pairs(frames_of(features, context, self.head), context, self.pairs)
        num_x, num_y = x.valid.sum(1), y.valid.sum(1)
        there, back = self._table(x, y), self._table(y, x)
        cost = last_cell(there, num_x, num_y) + last_cell(back, num_y, num_x)
        cycle = (_columns(there, x) @ _columns(back, y)).transpose(1, 2)
        pair, frame = x.valid.nonzero(as_tuple=True)
        rows = cycle.masked_fill(~x.valid[:, None, :], -torch.inf)[pair, frame]
        cycle_loss = mean_over_batch(smoothed_cross_entropy(rows, frame, x.valid[pair], self.label_smoothing))
        alignment = mean_over_batch(cost)
        return {
            "loss": cycle_loss + self.alignment_weight * alignment,
            "cycle": cycle_loss.detach(),
            "alignment": alignment.detach(),
            "pairs": global_count(float(len(x.z))),
        }

    def _table(self, x: ViewFrames, y: ViewFrames) -> Tensor:
        """Accumulated costs (P, T, S)."""
        similarity = (x.z @ y.z.transpose(1, 2) / self.temperature).masked_fill(~x.valid[..., None], -torch.inf)
        cost = -similarity.log_softmax(1).masked_fill(~x.valid[..., None], 0.0)
        return smooth_dtw(cost, self.gamma, self.minimum)


def _columns(table: Tensor, rows: ViewFrames) -> Tensor:
    """A distribution over the valid frames of the table's rows for every column: (P, T, S)."""
    return (-table).masked_fill(~rows.valid[..., None], -torch.inf).softmax(1)
