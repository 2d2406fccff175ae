"""TWIST: both views fall into the same class, surely, and all classes are used."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..distributed import mean_over_batch
from ..types import Context, Dims, Features, Needs
from ._divergence import entropy_of_mean
from ._heads import ViewHeads, mlp
from ._objective import Objective
from ._rows import clip_dims, clip_rows, select, view_pairs


class TWIST(Objective):
    r"""Wang et al. 2021, "Self-Supervised Learning by Estimating Twin Class Distributions", eq. 2 and 3.

    .. math::
        \tfrac12 [KL(p \| q) + KL(q \| p)] + (1 + \lambda_1) \overline{H(p)} - \lambda_2 H(\bar p)

    p, q: softmax over K classes of the two views, after a batch norm without scale and shift (without it: collapse);
    the entropies are averaged over both views, the bars are means over the rows of all ranks. Least value: -log K.

    Args:
        num_classes: K.
        hidden_dim: width of the head's two hidden layers.
        sharpness: lambda_1, further weight of the entropy of each row (the authors: 0 for ResNets, -.6 for ViTs).
        diversity: lambda_2, weight of the entropy of the mean.
        temperature: of the softmax.

    Departures: K = 256 and hidden layers of 1024 (paper: 4096 and 4096), since H of the mean of N rows is at most log N
    and biased when N is far below K; no EPS inside logarithms; batch norm over all ranks (authors: groups of 256 rows);
    neither multi-crop weights nor the later stage of self-labelling.
    """

    def __init__(
        self,
        *,
        num_classes: int = 256,
        hidden_dim: int = 1024,
        sharpness: float = 0.0,
        diversity: float = 1.0,
        temperature: float = 1.0,
    ):
        super().__init__()
        self.num_classes, self.hidden_dim = num_classes, hidden_dim
        self.sharpness, self.diversity, self.temperature = sharpness, diversity, temperature

    @property
    def needs(self) -> Needs:
        return Needs(views=2, clip=True)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        widths = [self.hidden_dim, self.hidden_dim, self.num_classes]
        self.head = ViewHeads(clip_dims(dims), lambda d: mlp([d, *widths], last="bn_noaffine"))

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        clips, present = clip_rows(features, context)
        logits = self.head(clips, present)
        pairs = view_pairs(logits)
        total = torch.zeros(3, dtype=next(iter(logits.values())).dtype, device=context.index.device)
        for i, j in pairs:
            both = present[i] & present[j]
            total = total + torch.stack(twin_terms(select(logits[i], both), select(logits[j], both), self.temperature))
        terms = TwinTerms(*(total / len(pairs)).unbind())
        loss = terms.divergence + (1.0 + self.sharpness) * terms.entropy - self.diversity * terms.mean_entropy
        return {"loss": loss, **{name: value.detach() for name, value in terms._asdict().items()}}


class TwinTerms(NamedTuple):
    divergence: Tensor  # half of KL(p||q) + KL(q||p), mean over rows
    entropy: Tensor  # H(p), mean over rows and both views
    mean_entropy: Tensor  # H of the mean of p, mean over both views


def twin_terms(logits: Tensor, other: Tensor, temperature: float = 1.0) -> TwinTerms:
    """The three terms for the rows of all ranks: (n, K), (n, K) -> scalars."""
    log_p, log_q = ((x / temperature).log_softmax(1) for x in (logits, other))
    p, q = log_p.exp(), log_q.exp()
    divergence = mean_over_batch(((p - q) * (log_p - log_q)).sum(1) / 2.0)
    entropy = mean_over_batch(-(p * log_p + q * log_q).sum(1) / 2.0)
    return TwinTerms(divergence, entropy, (entropy_of_mean(p) + entropy_of_mean(q)) / 2.0)
