"""SAL: shuffle and learn. Are three frames in their order in time?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributed import global_count, mean_over_batch
from ..errors import ConfigError
from ..types import Context, Dims, Features, Needs
from ._frames import ViewFrames, frame_dim, frames_of
from ._objective import Objective
from ._pairs import in_time_order
from ._random import uniform


class SAL(Objective):
    r"""Shuffle and learn (Misra et al., ECCV 2016, arXiv 1603.08561), as the TCC code base has it.

    Five frames a < b < c < d < e of a view are drawn (and reversed in half of the cases); (b, c, d) is in order,
    (b, a, d) and (b, e, d) are not. The three embeddings side by side go through a small classifier; cross-entropy,
    mean over triplets. Views with fewer than five valid frames are left out.

    Args:
        triplets: per view of a sample.
        shuffled: share of them that is out of order; their number is rounded (there: drawn over the batch).
        hidden: widths of the classifier's hidden layers.
    """

    def __init__(self, *, triplets: int = 8, shuffled: float = 0.75, hidden: tuple[int, ...] = (128, 64)):
        super().__init__()
        if not 0 <= shuffled <= 1:
            raise ConfigError(f"sal: shuffled is a share, 0 to 1, got {shuffled}")
        self.triplets, self.num_shuffled, self.hidden = triplets, round(shuffled * triplets), tuple(hidden)

    @property
    def needs(self) -> Needs:
        return Needs(views=1, frames=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        layers: list[nn.Module] = []
        width = 3 * frame_dim(dims, "sal")
        for hidden in self.hidden:
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            width = hidden
        self.classifier = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        losses, hits = [], []
        for view in frames_of(features, context, normalise=False).values():
            rows, label = self._triplets(in_time_order(view), context)
            logits = self.classifier(rows)
            losses.append(F.cross_entropy(logits, label, reduction="none"))
            hits.append((logits.detach().argmax(1) == label).to(logits.dtype))
        return {
            "loss": mean_over_batch(torch.cat(losses)),
            "accuracy": mean_over_batch(torch.cat(hits)),
            "triplets": global_count(float(sum(len(loss) for loss in losses))),
        }

    def _triplets(self, view: ViewFrames, context: Context) -> tuple[Tensor, Tensor]:
        """Embeddings of drawn triplets side by side (n, 3 D) and whether they are out of order (n,)."""
        size, num_frames, dim = view.z.shape
        if num_frames < 5:
            raise ConfigError(f"sal: a view has {num_frames} frames and five are drawn; raise sampler.num_frames")
        draws = uniform(context, self.triplets, num_frames + 2)
        enough = view.valid.sum(1) >= 5
        keys = draws[..., :num_frames].masked_fill(~view.valid[:, None, :], -1.0)
        five = keys.topk(5, dim=2).indices.sort(2).values  # (B, triplets, 5), in time order
        reverse, late = draws[..., -2] < 0.5, draws[..., -1] < 0.5
        five = torch.where(reverse[..., None], five.flip(2), five)
        label = (torch.arange(self.triplets, device=five.device) < self.num_shuffled).expand(size, -1)
        middle = torch.where(label, torch.where(late, five[..., 4], five[..., 0]), five[..., 2])
        chosen = torch.stack([five[..., 1], middle, five[..., 3]], 2)[enough]  # (n, triplets, 3)
        rows = view.z[enough].gather(1, chosen.flatten(1)[..., None].expand(-1, -1, dim))
        return rows.reshape(-1, 3 * dim), label[enough].flatten().long()
