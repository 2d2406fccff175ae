"""CMC: contrastive multiview coding. A clip (or an instant) finds itself in another modality or camera."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..distributed import gather, gather_with_grad, mean_over_batch, rank
from ..errors import ConfigError
from ..types import Context, Dims, Features, Needs
from ._bank import Bank
from ._frames import ViewFrames, frames_of
from ._heads import mlp
from ._instants import same_instant
from ._nce import info_nce
from ._noise_contrast import NoiseContrast
from ._objective import Objective
from ._queue import Queue
from ._random import uniform
from ._rows import clip_rows

Negatives = Literal["in_batch", "queue", "bank", "session"]


class CMC(Objective):
    r"""Contrastive multiview coding (Tian et al., ECCV 2020, arXiv 1906.05849, section 3), any number of views.

        loss = sum over pairs of views (v, w) of L(v -> w) + L(w -> v),   L: mean over the anchors of
        softmax: -log( exp(z_v.k+ / temperature) / sum over k+ and the negatives of exp(z_v.k / temperature) )
        nce:     -log(h+ / (h+ + K / N)) - sum over K negatives of log((K / N) / (h + K / N))

    z: unit vectors, k: keys of view w, h = exp(z_v.k / temperature) / Z, N samples. ``level: clip`` compares whole
    clips. ``level: frame`` compares instants: the positive is the same instant (session clock) in another camera or
    modality, which the paper does not have. Every view has a head of its own. Bank: keys are the slowly moving rows of
    the bank (also the positive), as in the authors' code; their K negatives are drawn from the other N - 1 samples
    (there: the positive may be among them).

    Args:
        level: "clip" or "frame".
        graph: "full" all pairs of views, "core" the first view with each other one.
        negatives: "in_batch" the rows of other sessions in the batch of all processes (frames: and the other instants
            of the own sample); "session", frames only: the other instants of the own sample; "queue" the last keys,
            "bank" the memory bank, both clips only. Rows of the own session are no negatives in batch and queue.
        loss: "softmax", or "nce" (bank only; Z is the mean over the first batch and then constant, kept in the state).
        temperature: of the similarities.
        num_negatives: rows of the queue, draws from the bank.
        bank_momentum: share of the old row.
        hidden_dim: width of a hidden layer with batch norm; 0 = a linear head as in the paper.
        dim: size of z.
        tolerance_s: how far apart two frames may be to count as one instant.
    """

    def __init__(
        self,
        *,
        level: Literal["clip", "frame"] = "clip",
        graph: Literal["full", "core"] = "full",
        negatives: Negatives = "in_batch",
        loss: Literal["softmax", "nce"] = "softmax",
        temperature: float = 0.07,
        num_negatives: int = 4096,
        bank_momentum: float = 0.5,
        hidden_dim: int = 0,
        dim: int = 128,
        tolerance_s: float = 0.05,
    ):
        super().__init__()
        allowed = {"clip": ("in_batch", "queue", "bank"), "frame": ("in_batch", "session")}[level]
        if negatives not in allowed:
            raise ConfigError(f"cmc: level {level} takes negatives {' or '.join(allowed)}, not {negatives}")
        if loss == "nce" and negatives != "bank":
            raise ConfigError(f"cmc: loss nce needs negatives: bank, not {negatives}; or set loss: softmax")
        self.level, self.graph, self.negatives, self.loss = level, graph, negatives, loss
        self.temperature, self.num_negatives, self.bank_momentum = temperature, num_negatives, bank_momentum
        self.hidden_dim, self.dim, self.tolerance_s = hidden_dim, dim, tolerance_s

    @property
    def needs(self) -> Needs:
        queue = self.num_negatives if self.negatives in ("queue", "bank") else 0
        return Needs(views=2, frames=self.level == "frame", clip=self.level == "clip", queue=queue)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        hidden = [self.hidden_dim] if self.hidden_dim else []
        width = {name: value.clip if self.level == "clip" else value.frame for name, value in dims.items()}
        self.heads = nn.ModuleDict({name: mlp([d, *hidden, self.dim]) for name, d in width.items()})
        self.memory = nn.ModuleDict()
        if self.negatives == "queue":
            self.memory.update({name: Queue(self.num_negatives, self.dim) for name in dims})
        if self.negatives == "bank":
            if num_samples < 2:
                raise ConfigError(f"cmc: a bank of {num_samples} samples has no negatives")
            for i, name in enumerate(dims):
                self.memory[name] = Bank(num_samples, self.dim, momentum=self.bank_momentum, seed=i)
        pairs = [f"{a}->{b}" for pair in self._pairs(list(dims)) for a, b in (pair, pair[::-1])]
        self.noise = nn.ModuleDict({pair: NoiseContrast(num_samples) for pair in pairs if self.loss == "nce"})

    def _pairs(self, names: list[str]) -> list[tuple[str, str]]:
        pairs = list(combinations(names, 2))
        return [pair for pair in pairs if pair[0] == names[0]] if self.graph == "core" else pairs

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        losses = {}
        if self.level == "clip":
            clips, present = clip_rows(features, context)
            z = {name: F.normalize(self.heads[name](x, present[name]), dim=1) for name, x in clips.items()}
            self.entering = {name: (value.detach(), present[name]) for name, value in z.items()}
            for a, b in self._pairs(list(z)):
                for v, w in ((a, b), (b, a)):
                    losses[f"{v}->{w}"] = self._clips(v, w, z, present[v] & present[w], present[w], context)
        else:
            views = frames_of(features, context, self.heads)
            for a, b in self._pairs(list(views)):
                for v, w in ((a, b), (b, a)):
                    losses[f"{v}->{w}"] = self._frames(views[v], views[w], context)
        total = torch.stack(list(losses.values())).sum()
        return {"loss": total, **{name: value.detach() for name, value in losses.items()}}

    def _clips(self, v: str, w: str, z: dict[str, Tensor], both: Tensor, present_w: Tensor, context: Context) -> Tensor:
        """L(v -> w) of whole clips; anchors are the samples that have both views."""
        anchor = z[v][both]
        if self.negatives == "in_batch":
            keys, session = gather_with_grad(z[w]), gather(context.session_id)
            own = torch.arange(len(both), device=both.device) + rank() * len(both)
            positive = own[both, None] == torch.arange(len(keys), device=both.device)
            negative = (context.session_id[both, None] != session) & gather(present_w)
            return mean_over_batch(info_nce(anchor @ keys.T / self.temperature, positive, negative))
        if self.negatives == "queue":
            queue = self.memory[w]
            assert isinstance(queue, Queue)
            held, _, session = queue.filled()
            logits = torch.cat([(anchor * z[w][both]).sum(1, keepdim=True), anchor @ held.to(anchor.dtype).T], 1)
            negative = F.pad(context.session_id[both, None] != session, (1, 0), value=True)
            return mean_over_batch(info_nce(logits / self.temperature, first_column(logits), negative))
        memory = self.memory[w]
        assert isinstance(memory, Bank)
        bank = memory.rows
        shift = 1 + (uniform(context, self.num_negatives) * (len(bank) - 1)).long()
        drawn = torch.cat([context.index[:, None], (context.index[:, None] + shift) % len(bank)], 1)[both]
        logits = torch.einsum("nd,nkd->nk", anchor, bank.to(anchor.dtype)[drawn]) / self.temperature
        if self.loss == "nce":
            return mean_over_batch(self.noise[f"{v}->{w}"](logits))
        return mean_over_batch(info_nce(logits, first_column(logits)))

    def _frames(self, v: ViewFrames, w: ViewFrames, context: Context) -> Tensor:
        """L(v -> w) of instants; anchors are the frames of v whose instant is in w."""
        partner, found = same_instant(v, w, self.tolerance_s)
        sample, frame = found.nonzero(as_tuple=True)
        anchor = v.z[sample, frame]
        logits = torch.bmm(v.z, w.z.transpose(1, 2))[sample, frame]
        counted = w.valid[sample]
        if self.negatives == "in_batch":
            keys, session = gather_with_grad(w.z), gather(context.session_id)
            other = (context.session_id[:, None] != session)[:, :, None] & gather(w.valid)
            logits = torch.cat([logits, anchor @ keys.flatten(0, 1).T], 1)
            counted = torch.cat([counted, other.flatten(1)[sample]], 1)
        positive = torch.arange(logits.shape[1], device=logits.device) == partner[sample, frame, None]
        return mean_over_batch(info_nce(logits / self.temperature, positive, counted))

    def after_step(self, context: Context) -> None:
        for name, memory in self.memory.items():
            rows, present = self.entering[name]
            if isinstance(memory, Queue):
                memory.push(rows, context.index, context.session_id, present)
            elif isinstance(memory, Bank):
                memory.update(context.index, rows, present)


def first_column(logits: Tensor) -> Tensor:
    """Mask of the positives where they stand in column 0."""
    positive = torch.zeros_like(logits, dtype=torch.bool)
    positive[:, 0] = True
    return positive
