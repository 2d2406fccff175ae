"""InfoNCE, once. Temperature, positives, negatives and weights are plain functions that are passed in.

``info_nce`` is the formula on a matrix of logits. ``contrast`` is the same loss for the views of a batch over all
ranks, taken in chunks: its forward pass leaves the gradient, so that no (N, M) matrix is ever kept. NT-Xent, SupCon and
MACL are ``contrast`` with a function or two of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..distributed import gather, gather_with_grad, global_count, rank, world_size
from ..types import Context

CHUNK_ELEMENTS = {"cpu": 2**19, "cuda": 2**25}  # of the similarity matrix at a time: a cache on CPU, 128 MiB on CUDA


def info_nce(logits: Tensor, positive: Tensor, negative: Tensor | None = None) -> Tensor:
    """-sum_j w_ij log(e^l_ij / sum_{k in P or N} e^l_ik) / sum_j w_ij for every row that has a positive.

    Args:
        logits: (n, m) similarities over temperature; -inf is allowed where neither mask is set.
        positive: (n, m) bool, or weights >= 0 (soft positives).
        negative: (n, m) bool, what else enters the denominator; None = everything.

    Returns:
        (rows with a positive,) losses, for ``mean_over_batch``. The other rows are selected out before the softmax.
    """
    rows = positive.bool().any(1)
    logits, positive = logits[rows], positive[rows]
    if negative is not None:
        logits = logits.masked_fill(~(negative[rows] | positive.bool()), -torch.inf)
    weight = positive.to(logits.dtype)
    picked = torch.where(positive.bool(), logits, 0.0)
    return logits.logsumexp(1) - (weight * picked).sum(1) / weight.sum(1)


class Ids(NamedTuple):
    """What plug-in functions know of each row of the similarity matrix; every field (n,)."""

    position: Tensor  # of the sample in the global batch
    view: Tensor  # which of the views the row came from
    session_id: Tensor
    label: Tensor  # -1 = absent


Mask = Callable[[Ids, Ids], Tensor]  # (anchors, keys) -> (n, m) bool


def same_sample(a: Ids, k: Ids) -> Tensor:
    """The other views of the anchor's sample."""
    return (a.position[:, None] == k.position) & (a.view[:, None] != k.view)


def same_label(a: Ids, k: Ids) -> Tensor:
    """Every other row with the anchor's label, and the other views of the anchor's sample where the label is absent."""
    alike = (a.label[:, None] == k.label) & (a.label[:, None] >= 0)
    itself = (a.position[:, None] == k.position) & (a.view[:, None] == k.view)
    return (alike & ~itself) | same_sample(a, k)


def other_samples(a: Ids, k: Ids) -> Tensor:
    """All rows of other samples."""
    return a.position[:, None] != k.position


def other_sessions(a: Ids, k: Ids) -> Tensor:
    """All rows of other sessions: frames and clips of one session are not each other's negatives."""
    return a.session_id[:, None] != k.session_id


NEGATIVES: dict[str, Mask] = {"all": other_samples, "other_sessions": other_sessions}


def constant(temperature: float) -> Callable[[Tensor], float]:
    """The temperature of a fixed number, whatever the similarities of the positives are."""
    return lambda similarity: temperature


class _ChunkedSum(torch.autograd.Function):
    """sum_i w_i (logsumexp_{P or N} - mean_P) of normalised rows, its gradient found on the way."""

    @staticmethod
    def forward(ctx: Any, anchors, keys, ids, key_ids, positives, negatives, temperature, weight):
        # anchors (n, D), keys (m, D). The gradient of each chunk is known as soon as its softmax is, so it is summed here, and
        # backward only multiplies it by what comes from above.
        grad_a = torch.zeros_like(anchors)
        alone = keys is None  # the keys are the anchors: one process
        keys, grad_k = (anchors, grad_a) if alone else (keys, torch.zeros_like(keys))
        terms = []
        step = max(1, CHUNK_ELEMENTS.get(anchors.device.type, 2**22) // max(1, len(keys)))
        for start in range(0, len(anchors), step):
            # who is compared: c rows of anchors; positive, counted (c, m) bool; a (c, D) over temperature
            part = slice(start, start + step)
            rows = Ids(*(field[part] for field in ids))
            positive, a = positives(rows, key_ids), anchors[part] / temperature
            counted = negatives(rows, key_ids).logical_or_(positive)
            num_positives = positive.sum(1)
            kept = num_positives > 0  # rows without a positive have no loss
            if not (complete := bool(kept.all())):
                positive, counted, a, num_positives = positive[kept], counted[kept], a[kept], num_positives[kept]
            # the numerator: mean over each row's positives of the logits p (c, m), by the list of where they are
            p = a @ keys.T
            where = positive.nonzero(as_tuple=True)
            share = 1.0 / num_positives.to(p.dtype)
            picked = p.new_zeros(len(p)).index_add_(0, where[0], p[where] * share[where[0]])
            # the denominator, in place: p becomes exp(logit - peak), 0 where nothing is counted; total, peak (c, 1)
            p.masked_fill_(counted.logical_not_(), -torch.inf)
            peak = p.amax(1, keepdim=True)
            total = p.sub_(peak).exp_().sum(1, keepdim=True)
            term = (total.log() + peak).squeeze(1) - picked
            w = torch.ones_like(term) if weight is None else weight(term)
            # d loss / d logit, in the same memory: weight times (softmax - 1 / number of positives at the positives)
            p.mul_(w[:, None] / total)
            p.index_put_(where, -(w * share)[where[0]], accumulate=True)
            # through logit = anchor . key / temperature to both; a is over temperature already
            if alone and complete and len(p) == len(keys):  # one product for rows and columns
                grad_a.addmm_(p + p.T, a)
            else:
                grad_a[part] += (p @ keys / temperature) if complete else _spread(p @ keys / temperature, kept)
                grad_k.addmm_(p.T, a)
            terms.append(torch.stack([term, w]))
        done = torch.cat(terms, 1) if terms else anchors.new_zeros(2, 0)
        ctx.save_for_backward(grad_a, None if alone else grad_k)
        ctx.mark_non_differentiable(done)
        return (done[0] * done[1]).sum(), done

    @staticmethod
    def backward(ctx: Any, *grads: Any):
        grad_a, grad_k = ctx.saved_tensors
        grad_k = None if grad_k is None else grad_k * grads[0]
        return grad_a * grads[0], grad_k, None, None, None, None, None, None


def _spread(rows: Tensor, kept: Tensor) -> Tensor:
    """(k, D) rows to their places in (n, D), zero elsewhere; ``kept`` (n,) marks k of them."""
    return rows.new_zeros(len(kept), rows.shape[1]).index_put_((kept,), rows)


def contrast(
    views: Sequence[Tensor],
    valid: Sequence[Tensor],
    context: Context,
    *,
    temperature: Callable[[Tensor], Tensor | float],
    negatives: Mask = other_sessions,
    positives: Mask = same_sample,
    weight: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean InfoNCE of all present rows of all views, each against the present rows of all views on all ranks.

    A row without a positive (its other views are absent) is no anchor, and still a negative of others.

    Args:
        views: V tensors (B, D), normalised, this rank's.
        valid: V masks (B,), True = present.
        temperature: similarities (n,) of the first two views of each sample on all ranks, detached -> temperature.
        negatives, positives: who is whose negative and positive. A row is never compared with itself.
        weight: losses (n,) -> weights (n,), both without gradient.

    Returns:
        The loss (the mean over ranks is that of the whole batch), and (2, n) this rank's losses and weights, detached.
    """
    num, device = len(context.index), context.index.device
    with torch.no_grad():
        position = torch.arange(num, device=device) + rank() * num
        both = gather(valid[0] & valid[1])
        cosine = (gather(views[0].detach()) * gather(views[1].detach())).sum(1)[both]
        tau = temperature(cosine)

    def ids_of(columns: Sequence[Tensor], masks: Sequence[Tensor]) -> Ids:
        picked = [[column[m] for column in columns] for m in masks]
        view = [torch.full((len(rows[0]),), i, device=device) for i, rows in enumerate(picked)]
        p, s, la = (torch.cat([rows[c] for rows in picked]) for c in range(3))
        return Ids(p, torch.cat(view), s, la)

    local = [position, context.session_id, context.label]
    anchors = torch.cat([z[m] for z, m in zip(views, valid)])
    everywhere = [gather(m) for m in valid]
    keys = torch.cat([gather_with_grad(z)[m] for z, m in zip(views, everywhere)]) if world_size() > 1 else None
    ids, key_ids = ids_of(local, valid), ids_of([gather(column) for column in local], everywhere)
    total, terms = _ChunkedSum.apply(anchors, keys, ids, key_ids, positives, negatives, tau, weight)
    count = global_count(float(terms.shape[1])).clamp(min=1.0)
    return total * (world_size() / count).to(total.dtype), terms
