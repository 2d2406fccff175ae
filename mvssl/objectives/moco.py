"""MoCo v2: the other view's key, made by a slowly moving copy, among a queue of earlier keys."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributed import mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._ema import EMA, cosine_momentum
from ._heads import ViewHeads, mlp
from ._nce import info_nce
from ._objective import Objective
from ._queue import Queue
from ._rows import clip_dims, clip_rows, select


class MoCo(Objective):
    r"""He et al. 2020, "Momentum Contrast", eq. 1, with the head of Chen et al. 2020 (MoCo v2).

    .. math:: -\log \frac{e^{q \cdot k_+ / \tau}}{e^{q \cdot k_+ / \tau} + \sum_{k \in queue} e^{q \cdot k / \tau}}

    q: projection of one view; k+: projection of the other by the EMA of encoder and projector. The mean over rows and
    over ordered pairs of views. After the step the keys of all views and ranks enter the queue.

    Args:
        temperature: tau.
        queue_size: keys that the queue holds (MoCo: 65536).
        momentum: of the projector's EMA. Set the encoder's to the same.
        hidden_dim, dim: widths of the projector.
        negatives: "other_sessions": keys of the anchor's session are no negatives; "all": only keys of its sample.

    Departures: the queue starts empty, not with noise; both views are anchors in turn (authors: the first);
    batch norm over all ranks instead of shuffled batches; older keys of the anchor's own sample are no negatives; the
    queue and the momentum (.999) are those of small data: 4096 and .99, rising to 1 by a cosine.
    """

    def __init__(
        self,
        *,
        temperature: float = 0.2,
        queue_size: int = 4096,
        momentum: float = 0.99,
        hidden_dim: int = 512,
        dim: int = 128,
        negatives: Literal["all", "other_sessions"] = "other_sessions",
    ):
        super().__init__()
        self.temperature, self.queue_size, self.momentum = temperature, queue_size, momentum
        self.hidden_dim, self.dim, self.negatives = hidden_dim, dim, negatives

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True, ema_parts=("projector",), queue=self.queue_size)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.projector = ViewHeads(clip_dims(dims), lambda d: mlp([d, self.hidden_dim, self.dim]))
        self.target = EMA(self.projector)
        self.queue = Queue(self.queue_size, self.dim)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        assert context.target is not None
        clips, present = clip_rows(features, context)
        queries = {name: F.normalize(q, dim=1) for name, q in self.projector(clips, present).items()}
        keys = self.target(*clip_rows(context.target, context))
        keys = {name: F.normalize(k, dim=1) for name, k in keys.items()}
        self.entering = [(keys[name], present[name]) for name in keys]
        held, index, session_id = self.queue.filled()
        if self.negatives == "all":
            negative = context.index[:, None] != index
        else:
            negative = (context.index[:, None] != index) & (context.session_id[:, None] != session_id)
        losses = []
        for i, j in permutations(queries, 2):
            both = present[i] & present[j]
            q, k = select(queries[i], both), select(keys[j], both)
            logits = torch.cat([(q * k).sum(1, keepdim=True), q @ held.to(q.dtype).T], 1) / self.temperature
            positive = torch.zeros_like(logits, dtype=torch.bool)
            positive[:, 0] = True
            losses.append(mean_over_batch(info_nce(logits, positive, F.pad(select(negative, both), (1, 0)))))
        return {"loss": torch.stack(losses).mean(), "queue_filled": held.new_tensor(len(held) / self.queue_size)}

    def after_step(self, context: Context) -> None:
        self.target.update(self.projector, cosine_momentum(self.momentum, context.progress))
        for keys, valid in self.entering:
            self.queue.push(keys, context.index, context.session_id, valid)
