"""VAVA: optimal transport between two videos with a prior on order, and a virtual frame for what has no partner."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..distributed import global_count, mean_over_batch
from ..errors import ConfigError
from ..types import Context, Dims, Features, Needs
from ._frames import Projection, ViewFrames, frame_dim, frames_of
from ._heads import Head, mlp
from ._objective import Objective
from ._pairs import Pairs, pair_needs, sequence_pairs, squared_distance

TEMPERATURE = 0.5  # of the inter-video term
MARGIN = 2.0  # of the intra-video term
DELTA = 2.0  # width of the prior
VIRTUAL_DISTANCE = 5.0  # how far from the diagonal the virtual frame stands in the prior


class VAVA(Objective):
    r"""Video alignment of videos with variations (Liu et al., CVPR 2022, "Learning to Align Sequential Actions in the
    Wild", section 3), with the settings that the AE2 code base uses.

        loss = (C(X) + C(Y)) / 2 + transport_weight * transport + inter_weight * inter,    mean over pairs of videos

    transport: Sinkhorn's plan for squared Euclidean costs with entropy and order priors; the priors mix the diagonal
    and the nearest frame, phi diagonal + (1 - phi) nearest, with phi = 0.999 ** floor(sqrt(step + 1)) from .999 down to
    .001; one virtual frame at each start takes what has no partner. C: frames up to ``far`` of the clip apart are pulled
    together by |z_i - z_j|^2 / (1 + (i - j)^2), others pushed apart to margin 2 (mean over dimensions). inter:
    log(1 + exp((best - worst) / temperature)) of the mean distances to the frame with most and least transport.

    Positions count frames of equal spacing in time: 1 + (n - 1) (t - t_first) / (t_last - t_first). Departures from the
    code: the nearest frame's prior is centred on that frame (there: one before it), the transport is <plan, cost> as in the
    paper (there divided twice by the size of the table, so that it vanishes for long clips), inter has a gradient and
    follows the plan (there: neither), lengths may differ.

    Args:
        iterations: of Sinkhorn.
        virtual_cost: of the virtual frame (zeta).
        order_weight: lambda_1, pull of the priors; entropy_weight: lambda_2; both scaled by the lengths as in the code.
        transport_weight: of the transport, the same for clips of every length. The default is the code's at its 32 frames,
            where the plan's sum is divided by the size of the table, 33 x 33. Much more, with this entropy, collapses.
        inter_weight: of the inter-video term.
        far: share of the clip beyond which frames are pushed apart; the code has 15 positions in clips of 32. A fixed
            number would leave short clips without any push, and they collapse.
        pairs: which sequences are aligned: "label" two samples with the same label (the paper: videos of one action),
            "all" every two samples of the batch, "views" the views of one sample.
        projection: head before the loss.
        projection_hidden, projection_dim: its sizes.
    """

    def __init__(
        self,
        *,
        iterations: int = 20,
        virtual_cost: float = 0.5,
        order_weight: float = 1.0,
        entropy_weight: float = 0.1,
        transport_weight: float = 1 / 33**2,
        inter_weight: float = 1e-4,
        far: float = 15 / 32,
        pairs: Pairs = "label",
        projection: Projection = "none",
        projection_hidden: int = 128,
        projection_dim: int = 128,
    ):
        super().__init__()
        if not 0 < far < 1:
            raise ConfigError(f"vava: far is a share of the clip, between 0 and 1, got {far}")
        self.far = far
        self.iterations, self.virtual_cost = iterations, virtual_cost
        self.transport_weight, self.inter_weight = transport_weight, inter_weight
        self.order_weight, self.entropy_weight, self.pairs = order_weight, entropy_weight, pairs
        self.projection, self.projection_hidden, self.projection_dim = projection, projection_hidden, projection_dim
        self.head: Head | None = None

    @property
    def needs(self) -> Needs:
        return pair_needs(self.pairs)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        if self.projection == "mlp":
            self.head = mlp([frame_dim(dims, "vava"), self.projection_hidden, self.projection_dim])

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        x, y = sequence_pairs(frames_of(features, context, self.head), context, self.pairs)
        place_x, place_y = even_positions(x), even_positions(y)
        distance = squared_distance(x.z, y.z)
        nearest = distance.detach().masked_fill(~y.valid[:, None, :], torch.inf).argmin(2)
        centre = place_y.gather(1, nearest) + 1.0  # the virtual frame is position 1
        phi = min(max(0.999 ** math.floor(math.sqrt(context.step + 1)), 0.001), 0.999)
        transport, plan = self.transport(x, y, place_x, place_y, centre, phi)
        far_x, far_y = self.far * x.valid.sum(1), self.far * y.valid.sum(1)
        intra = 0.5 * (intra_video(x, place_x, far_x) + intra_video(y, place_y, far_y))
        inter = _inter_video(x, y, plan, distance / x.z.shape[-1])
        return {
            "loss": mean_over_batch(intra + self.transport_weight * transport + self.inter_weight * inter),
            "intra": mean_over_batch(intra).detach(),
            "transport": mean_over_batch(transport).detach(),
            "inter": mean_over_batch(inter).detach(),
            "pairs": global_count(float(len(x.z))),
        }

    def transport(
        self, x: ViewFrames, y: ViewFrames, place_x: Tensor, place_y: Tensor, centre: Tensor, phi: float
    ) -> tuple[Tensor, Tensor]:
        """Cost of the transport (P,), a mean of squared distances, and the plan between real frames (P, T, S).

        Args:
            place_x, place_y: (P, T), (P, S) positions from 1 on.
            centre: (P, T) where in y each frame of x expects its partner; the virtual frame stands at 1, y from 2 on.
            phi: share of the diagonal in the priors.
        """
        dtype = x.z.dtype
        valid_x, valid_y = (F.pad(view.valid, (1, 0), value=True) for view in (x, y))
        n, m = (valid.sum(1).to(dtype)[:, None, None] for valid in (valid_x, valid_y))
        row = F.pad(place_x.to(dtype) + 1.0, (1, 0), value=1.0)[:, :, None]
        column = F.pad(place_y.to(dtype) + 1.0, (1, 0), value=1.0)[:, None, :]
        partner = F.pad(centre.to(dtype), (1, 0), value=1.0)[:, :, None]
        off_diagonal, off_partner = (row / n - column / m).abs(), ((column - partner) / m).abs()
        off_virtual = 1.5 * 2.0 * VIRTUAL_DISTANCE / (n + m)
        unit = (1.0 / n**2 + 1.0 / m**2).sqrt()
        virtual = torch.zeros_like(off_diagonal, dtype=torch.bool)
        virtual[:, 0, 1:] = virtual[:, 1:, 0] = True

        def mix(kernel):
            return torch.where(
                virtual, kernel(off_virtual), phi * kernel(off_diagonal) + (1 - phi) * kernel(off_partner)
            )

        order = self.order_weight * (n + m - 2.0)
        entropy = self.entropy_weight * (n - 1.0) * (m - 1.0) / 4.0
        prior = mix(lambda d: torch.exp(-((d / unit) ** 2) / (2 * DELTA**2)) / (DELTA * math.sqrt(2 * math.pi)))
        pull = mix(lambda d: order / (d**2 + 1.0))
        cost = F.pad(squared_distance(x.z, y.z), (1, 0, 1, 0), value=self.virtual_cost)
        both = valid_x[:, :, None] & valid_y[:, None, :]
        kernel = torch.where(both, (prior * torch.exp((pull - cost) / entropy)).clamp(1e-15, 1e20), 0.0)
        u, v = _sinkhorn(kernel, valid_x, valid_y, self.iterations)
        plan = u * kernel * v.transpose(1, 2)
        return (plan * torch.where(both, cost, 0.0)).sum((1, 2)), plan[:, 1:, 1:]


def even_positions(view: ViewFrames) -> Tensor:
    """Positions (P, T) from 1 to the number of valid frames, even in time; the frame number where spacing is even."""
    first = view.time_s.masked_fill(~view.valid, torch.inf).amin(1, keepdim=True)
    last = view.time_s.masked_fill(~view.valid, -torch.inf).amax(1, keepdim=True)
    num = view.valid.sum(1, keepdim=True)
    span = (last - first).clamp(min=1e-9)
    return torch.where(view.valid, 1.0 + (num - 1) * (view.time_s - first) / span, 0.0)


def intra_video(view: ViewFrames, place: Tensor, far: Tensor) -> Tensor:
    """C of every sequence (P,); ``far`` (P,) in positions."""
    distance = squared_distance(view.z, view.z) / view.z.shape[-1]
    apart = (place[:, :, None] - place[:, None, :]).to(distance.dtype)
    term = torch.where(apart.abs() > far[:, None, None], F.relu(MARGIN - distance), distance / (1.0 + apart**2))
    both = view.valid[:, :, None] & view.valid[:, None, :]
    return torch.where(both, term, 0.0).sum((1, 2)) / both.sum((1, 2))


def _sinkhorn(kernel: Tensor, valid_x: Tensor, valid_y: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Scalings u (P, N, 1), v (P, M, 1) that give diag(u) K diag(v) uniform marginals over the valid frames."""
    a, b = (valid.to(kernel.dtype)[..., None] for valid in (valid_x, valid_y))
    a, b = a / a.sum(1, keepdim=True), b / b.sum(1, keepdim=True)

    def scale(marginal: Tensor, reached: Tensor) -> Tensor:
        return torch.where(marginal > 0, marginal / torch.where(marginal > 0, reached, 1.0), 0.0)

    u = a
    for _ in range(iterations):
        u = scale(a, kernel @ scale(b, kernel.transpose(1, 2) @ u))
    v = scale(b, kernel.transpose(1, 2) @ u)
    return scale(a, kernel @ v), v


def _inter_video(x: ViewFrames, y: ViewFrames, plan: Tensor, distance: Tensor) -> Tensor:
    """The partner with most transport should be nearer than the one with least, seen from both videos: (P,)."""
    both = x.valid[:, :, None] & y.valid[:, None, :]
    best, worst = plan.masked_fill(~both, -1.0), plan.masked_fill(~both, torch.inf)

    def mean(index: Tensor, dim: int, valid: Tensor) -> Tensor:
        picked = distance.gather(dim, index.unsqueeze(dim)).squeeze(dim)
        return torch.where(valid, picked, 0.0).sum(1) / valid.sum(1)

    near = mean(best.argmax(2), 2, x.valid) + mean(best.argmax(1), 1, y.valid)
    far = mean(worst.argmin(2), 2, x.valid) + mean(worst.argmin(1), 1, y.valid)
    return F.softplus((near - far) / TEMPERATURE)
