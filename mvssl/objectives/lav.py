"""LAV: soft-DTW pulls two videos together, and frames far apart in one video are pushed apart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..distributed import global_count, mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of, positions
from ._heads import Head, mlp
from ._objective import Objective
from ._pairs import Pairs, pair_needs, sequence_pairs, squared_distance
from ._smooth_dtw import last_cell, smooth_dtw


class LAV(Objective):
    r"""Learning by aligning videos in time (Haresh et al., CVPR 2021, arXiv 2103.17260, section 3).

        loss = [softDTW_gamma(X, Y) + alpha (I(X) + I(Y))] / N,    mean over pairs; N: frames of the longer one
        I(X) = sum_ij  (1 + (x_i - x_j)^2) max(0, margin - |z_i - z_j|^2)    if |t_i - t_j| > window_s
                       |z_i - z_j|^2                                         else

    z: unit vectors, squared Euclidean costs, x = time / duration of the video. The weight 1 + (x_i - x_j)^2 is that of
    the authors' code, where it lies in [1, 2]; the paper writes frame numbers.

    Args:
        gamma: smoothness of the soft minimum.
        alpha: weight of the intra-video term; 0.5 in the authors' code, 1 in the paper.
        margin: squared distance beyond which far frames are left alone.
        window_s: frames nearer than this in time are pulled together. The authors' 10 frames at 25 a second: 0.4 s.
        pairs: which sequences are aligned: "label" two samples with the same label (the paper: videos of one action),
            "all" every two samples of the batch, "views" the views of one sample.
        projection: head before the loss.
        projection_hidden, projection_dim: its sizes.
    """

    def __init__(
        self,
        *,
        gamma: float = 0.1,
        alpha: float = 0.5,
        margin: float = 2.0,
        window_s: float = 0.4,
        pairs: Pairs = "label",
        projection: Projection = "none",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        self.gamma, self.alpha, self.margin, self.window_s, self.pairs = gamma, alpha, margin, window_s, pairs
        self.projection, self.projection_hidden, self.projection_dim = projection, projection_hidden, projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return pair_needs(self.pairs)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        if self.projection == "mlp":
            self.head = mlp([frame_dim(dims, "lav"), self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        x, y = sequence_pairs(frames_of(features, context, self.head), context, self.pairs)
        num_x, num_y = x.valid.sum(1), y.valid.sum(1)
        length = torch.maximum(num_x, num_y).to(x.z.dtype)
        table = smooth_dtw(squared_distance(x.z, y.z), self.gamma)
        alignment = last_cell(table, num_x, num_y) / length
        intra = (self._intra(x) + self._intra(y)) / length
        return {
            "loss": mean_over_batch(alignment + self.alpha * intra),
            "soft_dtw": mean_over_batch(alignment).detach(),
            "intra": mean_over_batch(intra).detach(),
            "pairs": global_count(float(len(x.z))),
        }

    def _intra(self, view: ViewFrames) -> Tensor:
        """Inverse-difference-moment term I of every sequence: (P,)."""
        distance = squared_distance(view.z, view.z)
        place = positions(view, "lav")[0]
        apart = (place[:, :, None] - place[:, None, :]).to(distance.dtype)
        far = (view.time_s[:, :, None] - view.time_s[:, None, :]).abs() > self.window_s
        term = torch.where(far, (1.0 + apart**2) * F.relu(self.margin - distance), distance)
        both = view.valid[:, :, None] & view.valid[:, None, :]
        return torch.where(both, term, 0.0).sum((1, 2))
