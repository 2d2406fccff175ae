"""TCN: time-contrastive. A frame finds its neighbour in time, or its instant in another view, among other instants."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import torch
from torch import Tensor

from ..distributed import global_count, mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of
from ._heads import Head, mlp
from ._instants import same_instant
from ._objective import Objective
from ._pairs import in_time_order


class TCN(Objective):
    r"""Time-contrastive networks (Sermanet et al., ICRA 2018, arXiv 1704.06888) with the n-pairs loss (Sohn 2016).

    For the anchors a_i and positives p_i of one sequence:

        loss = mean_i CE(a_i . p_j over j, i) + norm_weight / 4 (mean |a|^2 + mean |p|^2),    mean over sequences

    Every positive of the sequence but its own is a negative of an anchor. Sequences with fewer than two pairs are left
    out.

    Args:
        positives: "neighbours": of the frames of a view in time order, the first, third, ... are anchors, the frame
            after each is its positive (single-view TCN; choose a sampler whose frames lie near each other). "views":
            the positive is the same instant in another view (multi-view TCN).
        tolerance_s: how far apart two frames may be to count as one instant, for "views".
        temperature: the dot products are divided by it; the authors have none (1).
        norm_weight: of the squared norms.
        normalise: unit vectors; the paper's code does not.
        projection: head before the loss.
        projection_hidden, projection_dim: its sizes.
    """

    def __init__(
        self,
        *,
        positives: Literal["neighbours", "views"] = "neighbours",
        tolerance_s: float = 0.05,
        temperature: float = 1.0,
        norm_weight: float = 0.002,
        normalise: bool = False,
        projection: Projection = "none",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        self.positives, self.tolerance_s, self.temperature = positives, tolerance_s, temperature
        self.norm_weight, self.normalise = norm_weight, normalise
        self.projection, self.projection_hidden, self.projection_dim = projection, projection_hidden, projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return Needs(views=2 if self.positives == "views" else 1, frames=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        if self.projection == "mlp":
            self.head = mlp([frame_dim(dims, "tcn"), self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        views = [in_time_order(v) for v in frames_of(features, context, self.head, normalise=self.normalise).values()]
        if self.positives == "neighbours":
            sides = [_neighbours(view) for view in views]
        else:
            sides = [self._same_instants(a, b) for a, b in permutations(views, 2)]
        losses, hits = zip(*(self._n_pairs(*side) for side in sides), strict=True)
        return {
            "loss": mean_over_batch(torch.cat(losses)),
            "accuracy": mean_over_batch(torch.cat(hits)),
            "sequences": global_count(float(sum(len(loss) for loss in losses))),
        }

    def _same_instants(self, a: ViewFrames, b: ViewFrames) -> tuple[Tensor, Tensor, Tensor]:
        partner, found = same_instant(a, b, self.tolerance_s)
        return a.z, b.z.gather(1, partner[..., None].expand(-1, -1, b.z.shape[-1])), found

    def _n_pairs(self, anchor: Tensor, positive: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K, D), (B, K, D), (B, K) bool -> loss and share of hits of every sequence with two pairs or more."""
        keep = valid.sum(1) >= 2
        anchor, positive, valid = anchor[keep], positive[keep], valid[keep]
        logits = (anchor @ positive.transpose(1, 2) / self.temperature).masked_fill(~valid[:, None, :], -torch.inf)
        sequence, row = valid.nonzero(as_tuple=True)
        log_p = logits[sequence, row].log_softmax(1)
        own = log_p.gather(1, row[:, None]).squeeze(1)
        norm = (anchor**2 + positive**2).sum(2)
        num = valid.sum(1)

        def mean(rows: Tensor) -> Tensor:
            return rows.new_zeros(len(valid)).index_add(0, sequence, rows) / num

        loss = mean(-own) + 0.25 * self.norm_weight * mean(norm[sequence, row])
        return loss, mean((log_p.detach().argmax(1) == row).to(log_p.dtype))


def _neighbours(view: ViewFrames) -> tuple[Tensor, Tensor, Tensor]:
    """Frames 0, 2, 4, ... and 1, 3, 5, ... in time order."""
    num = view.z.shape[1] // 2 * 2
    return view.z[:, 0:num:2], view.z[:, 1:num:2], view.valid[:, 0:num:2] & view.valid[:, 1:num:2]
