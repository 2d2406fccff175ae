"""Contrastive losses by plain loops over rows, from the formulas, and the clip batches that the tests feed. float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mvssl.objectives import Objective, get

from .objective_batches import clips, context, dims, info, wave

ABC = {"a": wave(12, 8, 0.0), "b": wave(12, 8, 0.4), "c": wave(12, 8, 1.1)}


def nt_xent_loop(rows: list[Tensor], sample: list[int], session: list[int], temperature: float) -> list[Tensor]:
    """-log softmax of the one other row of the sample, among it and the rows of other sessions; unit rows."""
    losses = []
    for i, row in enumerate(rows):
        positive = next(j for j in range(len(rows)) if j != i and sample[j] == sample[i])
        compared = [positive, *(j for j in range(len(rows)) if session[j] != session[i])]
        logits = torch.stack([row @ rows[j] / temperature for j in compared])
        losses.append(logits.logsumexp(0) - logits[0])
    return losses


def supcon_loop(rows: list[Tensor], label: list[int], temperature: float) -> list[Tensor]:
    """-1/|P| sum over rows of the label of log softmax among all other rows; unit rows."""
    losses = []
    for i, row in enumerate(rows):
        others = [j for j in range(len(rows)) if j != i]
        logits = {j: row @ rows[j] / temperature for j in others}
        total = torch.stack(list(logits.values())).logsumexp(0)
        losses.append(torch.stack([total - logits[j] for j in others if label[j] == label[i]]).mean())
    return losses


def built(name: str, x: dict[str, Tensor], **parameters: Any) -> Objective:
    """The objective for clip features of these widths, float64, heads drawn from a fixed seed."""
    torch.manual_seed(0)
    objective = get(name)(**parameters)
    objective.build(dims({view: clips(value) for view, value in x.items()}), 100)
    return objective.double()


class Same(torch.nn.Module):
    """Stands in for a head: rows go through unchanged (shape checks of the loss alone)."""

    def forward(self, x: Any, mask: Any = None) -> Any:
        return x


def without_heads(name: str, x: dict[str, Tensor], **parameters: Any) -> Objective:
    """The objective with identity in place of every head, so that features are what the loss compares."""
    objective = built(name, x, **parameters)
    for part in ("projector", "predictor", "head", "target"):
        if hasattr(objective, part):
            setattr(objective, part, Same())
    return objective


def loss_of(
    objective: Objective, x: dict[str, Tensor], present: dict[str, Tensor] | None = None, **more: Any
) -> Tensor:
    """The loss of clip features; targets are the same features unless ``more`` says otherwise."""
    size = len(next(iter(x.values())))
    there = present or {}
    views = {name: info(torch.zeros(size, 1), **({"present": there[name]} if name in there else {})) for name in x}
    features = {name: clips(value) for name, value in x.items()}
    target = more.pop("target", {name: clips(value.detach()) for name, value in x.items()})
    return objective(features, context(views, target=target, **more))["loss"]
