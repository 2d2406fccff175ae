"""CARL: sequence contrast. Frames of one view, seen from a frame of another, should be as near as they are in time."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import torch
from torch import Tensor

from ..distributed import gather, gather_with_grad, global_count, mean_over_batch, rank
from ..errors import ConfigError
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of, positions
from ._heads import Head, mlp
from ._objective import Objective


class CARL(Objective):
    r"""Sequence contrastive loss, SCL (Chen et al., CVPR 2022, arXiv 2203.14957).

    For frame i of view v at time t_i, over the frames j of another view w of the same video:

        G_ij = exp(-(t_i - t_j)^2 / (2 sigma^2)), normalised over j        the target
        P_ij = exp(z_i.z_j / temperature) / sum over the candidates      z: unit vectors
        loss = mean over the valid frames i, all ordered pairs (v, w), of KL(G_i || P_i)

    The frames of the row's own view are never candidates. Departures from the authors' code: padded frames are left out
    (there: weight 1e-6), the logarithm has no floor (there: + 1e-6), times are seconds (there: frame numbers), and
    negatives may come from all processes.

    Args:
        temperature: of the softmax over candidates.
        sigma_s: width of the target in seconds. The paper's sigma^2 = 10 frames^2 at 25 frames a second is 0.1265 s.
        sigma_frames: the width in frames instead, at the nominal rate ``fps`` (the paper: 10 ** 0.5).
        fps: nominal frames a second, only for ``sigma_frames``.
        clock: "seconds" compares times as they are; "normalised" first moves t_i onto the other video's length,
            t_i / L_i * L_j, as the authors' code does (the same thing for two views of one video).
        negatives: candidates beside view w of the own video: "single" none; "batch" the frames of the other videos of
            this process; "gathered" those of all processes. Samples of the own session are no negatives.
        ignore_nearest: share of those frames of other videos, the most similar ones, that each row leaves out: they may
            show the same moment. The paper has no such rule.
        projection: head before the loss, dropped after training: "mlp" or "none".
        projection_hidden: width of the head.
        projection_dim: size of z.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        sigma_s: float = 0.1265,
        sigma_frames: float | None = None,
        fps: float = 25.0,
        clock: Literal["seconds", "normalised"] = "seconds",
        negatives: Literal["single", "batch", "gathered"] = "single",
        ignore_nearest: float = 0.0,
        projection: Projection = "mlp",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        self.sigma_s = sigma_s if sigma_frames is None else sigma_frames / fps
        if not (self.sigma_s > 0 and temperature > 0):
            raise ConfigError(f"carl: sigma and temperature must be above 0, got {self.sigma_s} s and {temperature}")
        if not 0 <= ignore_nearest <= 1:
            raise ConfigError(f"carl: ignore_nearest is a share, 0 to 1, got {ignore_nearest}")
        self.temperature = temperature
        self.ignore_nearest = ignore_nearest
        self.clock = clock
        self.negatives = negatives
        self.projection = projection
        self.projection_hidden = projection_hidden
        self.projection_dim = projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return Needs(views=2, frames=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        dim = frame_dim(dims, "carl")
        if self.projection == "mlp":
            self.head = mlp([dim, self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        return self.contrast_views(frames_of(features, context, self.head), context)

    def contrast_views(self, views: dict[str, ViewFrames], context: Context) -> dict[str, Tensor]:
        """The loss of all ordered pairs of views, with its terms to log."""
        others = None if self.negatives == "single" else _other_videos(views, context, self.negatives == "gathered")
        terms, similarities = [], []
        for a, b in permutations(views.values(), 2):
            term, similarity = sequence_contrast(
                a,
                b,
                sigma_s=self.sigma_s,
                temperature=self.temperature,
                clock=self.clock,
                others=others,
                ignore_nearest=self.ignore_nearest,
            )
            terms.append(term)
            similarities.append(similarity)
        kl = torch.cat(terms)
        return {
            "loss": mean_over_batch(kl),
            "positive_similarity": mean_over_batch(torch.cat(similarities)).detach(),
            "valid_frames": global_count(float(len(kl))),
        }


def sequence_contrast(
    a: ViewFrames,
    b: ViewFrames,
    *,
    sigma_s: float,
    temperature: float,
    clock: Literal["seconds", "normalised"] = "seconds",
    others: tuple[Tensor, Tensor] | None = None,
    ignore_nearest: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """KL(G_i || P_i) for every valid frame i of ``a`` that has a valid frame of ``b``.

    Args:
        others: (M, D) further candidates and (B, M) bool, which of them are negatives of which sample.
        ignore_nearest: share of a row's negatives that is left out, the most similar first.

    Returns:
        (n,) divergences and (n,) mean similarities of the targets (detached); n may be 0.
    """
    sample, frame = (a.valid & b.valid.any(1, keepdim=True)).nonzero(as_tuple=True)  # rows, before any softmax
    columns = b.valid[sample]  # (n, T)
    if clock == "seconds":
        distance_s = a.time_s[sample, frame, None] - b.time_s[sample]
    else:
        a_position, (b_position, duration_s) = positions(a, "carl")[0], positions(b, "carl")
        distance_s = (a_position[sample, frame, None] - b_position[sample]) * duration_s[sample, None]
    log_weight = (-(distance_s**2) / (2 * sigma_s**2)).masked_fill(~columns, -torch.inf)
    target = log_weight.softmax(1).to(a.z.dtype)
    similarity = torch.bmm(a.z, b.z.transpose(1, 2))[sample, frame]
    logits = (similarity / temperature).masked_fill(~columns, -torch.inf)
    if others is not None:
        z, allowed = others
        negative = (a.z[sample, frame] @ z.T / temperature).masked_fill(~allowed[sample], -torch.inf)
        logits = torch.cat([logits, _without_nearest(negative, ignore_nearest)], 1)
    log_p = logits.log_softmax(1)[:, : columns.shape[1]].masked_fill(~columns, 0.0)
    divergence = (torch.xlogy(target, target) - target * log_p).sum(1)
    return divergence, (target * similarity).sum(1).detach()


def _without_nearest(logits: Tensor, share: float) -> Tensor:
    """(n, M) logits, -inf where there is no negative, with the largest ``share`` of each row set to -inf too."""
    if share == 0:
        return logits
    ordered = logits.detach().sort(1, descending=True).values
    num = (share * ordered.isfinite().sum(1, keepdim=True)).long()
    least = ordered.gather(1, (num - 1).clamp(min=0))
    return logits.masked_fill((num > 0) & (logits.detach() >= least), -torch.inf)


def _other_videos(views: dict[str, ViewFrames], context: Context, gathered: bool) -> tuple[Tensor, Tensor]:
    """Frames of all views of the other samples: (M, D) and the (B, M) mask of those that are negatives."""
    z = torch.cat([view.z for view in views.values()], 1)  # (B, T of all views, D)
    valid = torch.cat([view.valid for view in views.values()], 1)
    size, session = len(z), context.session_id
    own = torch.arange(size, device=z.device) + (rank() * size if gathered else 0)
    if gathered:
        z, valid, session = gather_with_grad(z), gather(valid), gather(session)
    other = (context.session_id[:, None] != session) & (own[:, None] != torch.arange(len(z), device=z.device))
    return z.flatten(0, 1), (other[:, :, None] & valid).flatten(1)
