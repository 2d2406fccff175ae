"""Pairs of sequences that an alignment loss brings together, in time order, with padding at the end."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..distributed import gather, gather_with_grad, rank
from ..types import Context, Needs
from ._frames import ViewFrames

Pairs = Literal["label", "all", "views"]


def pair_needs(pairs: Pairs) -> Needs:
    """What a loss on pairs of sequences asks for."""
    return Needs(views=2 if pairs == "views" else 1, frames=True, pairs="label" if pairs == "label" else "none")


def sequence_pairs(
    views: dict[str, ViewFrames], context: Context, pairs: Pairs, *, fewest: int = 2
) -> tuple[ViewFrames, ViewFrames]:
    """Pairs of sequences (P rows each side), each pair of the global batch on exactly one rank.

    "label": every two samples of the whole batch with one label, view by view; "all": every two samples; "views": every
    two views of one sample. Sequences with less than ``fewest`` valid frames form no pair. P may be 0.
    """
    if pairs == "views":
        sides = list(combinations([in_time_order(view) for view in views.values()], 2))
    else:
        sides = [_samples(in_time_order(view), context, pairs == "label") for view in views.values()]
    x, y = (concatenate([side[k] for side in sides]) for k in range(2))
    enough = (x.valid.sum(1) >= fewest) & (y.valid.sum(1) >= fewest)
    return take(x, enough), take(y, enough)


def in_time_order(view: ViewFrames) -> ViewFrames:
    """The same frames sorted by time, padded ones last."""
    order = view.time_s.masked_fill(~view.valid, torch.inf).argsort(dim=1, stable=True)
    position = None if view.position is None else view.position.gather(1, order)
    return ViewFrames(
        view.z.gather(1, order[..., None].expand_as(view.z)),
        view.time_s.gather(1, order),
        view.valid.gather(1, order),
        view.duration_s,
        position,
    )


def take(view: ViewFrames, rows: Tensor) -> ViewFrames:
    """Some of the sequences, by index or mask."""
    return ViewFrames._make(None if value is None else value[rows] for value in view)


def concatenate(parts: list[ViewFrames]) -> ViewFrames:
    """Sequences one below the other, padded to the longest."""
    longest = max(part.z.shape[1] for part in parts)
    columns: list[Tensor | None] = []
    for values in zip(*parts, strict=True):
        if any(value is None for value in values):
            columns.append(None)
        elif values[0].ndim == 1:
            columns.append(torch.cat(values))
        else:
            missing = [(0, 0) * (value.ndim - 2) + (0, longest - value.shape[1]) for value in values]
            columns.append(torch.cat([F.pad(value, pad) for value, pad in zip(values, missing, strict=True)]))
    return ViewFrames._make(columns)


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """(P, T, D), (P, S, D) -> (P, T, S)."""
    return (x**2).sum(-1)[..., None] + (y**2).sum(-1)[:, None, :] - 2.0 * x @ y.transpose(1, 2)


def _samples(view: ViewFrames, context: Context, by_label: bool) -> tuple[ViewFrames, ViewFrames]:
    """Pairs of different samples; a sample owns its pairs with the half of the global batch that follows it."""
    everyone = ViewFrames._make(
        None if value is None else gather_with_grad(value) if value is view.z else gather(value) for value in view
    )
    total = len(everyone.z)
    first = torch.arange(len(view.z), device=view.z.device) + rank() * len(view.z)
    ahead = (torch.arange(total, device=view.z.device) - first[:, None]) % total
    own = (ahead > 0) & (2 * ahead < total) | (2 * ahead == total) & (first[:, None] < total // 2)
    if by_label:
        own &= (context.label[:, None] == gather(context.label)) & (context.label[:, None] >= 0)
    i, j = own.nonzero(as_tuple=True)
    return take(view, i), take(everyone, j)
