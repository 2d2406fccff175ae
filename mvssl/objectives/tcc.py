"""TCC: temporal cycle-consistency. A frame that goes to its neighbour in another video should come back to itself."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..distributed import global_count, mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of, positions
from ._heads import Head, mlp
from ._objective import Objective
from ._pairs import Pairs, pair_needs, sequence_pairs, squared_distance

LEAST_VARIANCE = 1e-8  # (a ten-thousandth of the video) ** 2: keeps a sharp cycle finite in float32

Loss = Literal["regression_mse_var", "regression_mse", "regression_huber", "classification"]


class TCC(Objective):
    r"""Temporal cycle-consistency (Dwibedi et al., CVPR 2019, arXiv 1904.07846, section 3).

    For frames u of one video and v of another, D channels:

        alpha_ij = softmax_j(-|u_i - v_j|^2 / (D temperature)),  v~_i = sum_j alpha_ij v_j
        beta_ik  = softmax_k(-|v~_i - u_k|^2 / (D temperature))
        mu_i = sum_k beta_ik x_k,  var_i = sum_k beta_ik (x_k - mu_i)^2
        regression_mse_var: (x_i - mu_i)^2 / var_i + variance_weight log var_i        x: time / duration of the video
        classification: cross-entropy of beta_i against i

    Mean over the valid frames of both videos of every pair. The variance is at least 1e-8. The authors' stochastic
    variant (random cycles) is left out; label smoothing touches the classification only, as in their code.

    Args:
        temperature: of both softmaxes.
        loss: what the way back is held against; "regression_huber" has delta 0.1.
        variance_weight: lambda of regression_mse_var.
        label_smoothing: of the classification.
        pairs: which sequences are brought together: "label" two samples with the same label (the paper: videos of one
            action), "all" every two samples of the batch, "views" the views of one sample.
        normalise: unit vectors; the paper uses the embedding as it is.
        projection: head before the loss.
        projection_hidden, projection_dim: its sizes.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        loss: Loss = "regression_mse_var",
        variance_weight: float = 0.001,
        label_smoothing: float = 0.1,
        pairs: Pairs = "label",
        normalise: bool = False,
        projection: Projection = "none",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        self.temperature, self.loss, self.variance_weight = temperature, loss, variance_weight
        self.label_smoothing, self.pairs, self.normalise = label_smoothing, pairs, normalise
        self.projection, self.projection_hidden, self.projection_dim = projection, projection_hidden, projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return pair_needs(self.pairs)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        if self.projection == "mlp":
            self.head = mlp([frame_dim(dims, "tcc"), self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        views = frames_of(features, context, self.head, normalise=self.normalise)
        x, y = sequence_pairs(views, context, self.pairs)
        there, errors_x = self._cycle(x, y)
        back, errors_y = self._cycle(y, x)
        return {
            "loss": mean_over_batch(torch.cat([there, back])),
            "cycle_error": mean_over_batch(torch.cat([errors_x, errors_y])),
            "pairs": global_count(float(len(x.z))),
        }

    def _cycle(self, x: ViewFrames, y: ViewFrames) -> tuple[Tensor, Tensor]:
        """Losses of the valid frames of x (n,), and how far from itself each comes back, in lengths of the video."""
        beta_logits = cycle_logits(x, y, self.temperature)
        place = positions(x, "tcc")[0]
        pair, frame = x.valid.nonzero(as_tuple=True)
        logits, place, columns = beta_logits[pair, frame], place.to(x.z.dtype)[pair], x.valid[pair]
        own = place.gather(1, frame[:, None]).squeeze(1)
        beta = logits.softmax(1)
        mean = (beta * place).sum(1)
        error = (own - mean).abs()
        if self.loss == "classification":
            return smoothed_cross_entropy(logits, frame, columns, self.label_smoothing), error.detach()
        if self.loss == "regression_mse":
            return error**2, error.detach()
        if self.loss == "regression_huber":
            return torch.where(error <= 0.1, 0.5 * error**2, 0.1 * error - 0.005), error.detach()
        variance = (beta * (place - mean[:, None]) ** 2).sum(1).clamp(min=LEAST_VARIANCE)
        return error**2 / variance + self.variance_weight * variance.log(), error.detach()


def cycle_logits(x: ViewFrames, y: ViewFrames, temperature: float) -> Tensor:
    """From every frame of x to its soft neighbour in y and back: logits (P, T, T), -inf at padded frames of x."""
    scale = 1.0 / (x.z.shape[-1] * temperature)
    there = (-squared_distance(x.z, y.z) * scale).masked_fill(~y.valid[:, None, :], -torch.inf)
    neighbour = there.softmax(-1) @ y.z
    return (-squared_distance(neighbour, x.z) * scale).masked_fill(~x.valid[:, None, :], -torch.inf)


def smoothed_cross_entropy(logits: Tensor, target: Tensor, columns: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the columns that count; ``smoothing`` of the target is spread evenly over them.

    Args:
        logits: (n, m), -inf outside ``columns``. target: (n,). columns: (n, m) bool.
    """
    log_p = logits.log_softmax(1).masked_fill(~columns, 0.0)
    hit = log_p.gather(1, target[:, None]).squeeze(1)
    return -(1.0 - smoothing) * hit - smoothing * log_p.sum(1) / columns.sum(1)
