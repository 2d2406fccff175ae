"""Heads that turn features into what a loss compares. Dropped after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..distributed import GlobalBatchNorm


class Head(nn.Sequential):
    """Layers one after the other; ``mask`` reaches the batch norms, so that absent rows enter no statistics."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, mask) if isinstance(layer, GlobalBatchNorm) else layer(x)
        return x


def mlp(
    dims: Sequence[int],
    *,
    norm: Literal["bn", "ln", "none"] = "bn",
    last: Literal["none", "bn", "bn_noaffine"] = "none",
) -> Head:
    """Linear layers of widths ``dims`` with ``norm`` and ReLU between them; one width alone is the identity.

    Args:
        dims: input, hidden and output widths.
        norm: after every hidden layer: batch norm over all ranks, layer norm, or nothing.
        last: after the last layer: nothing (then it has a bias), batch norm, or batch norm without scale and shift.
    """
    layers: list[nn.Module] = []
    for d_in, d_out in pairwise(dims[:-1]):
        layers.append(nn.Linear(d_in, d_out, bias=norm == "none"))
        if norm != "none":
            layers.append(GlobalBatchNorm(d_out) if norm == "bn" else nn.LayerNorm(d_out))
        layers.append(nn.ReLU())
    if len(dims) > 1:
        layers.append(nn.Linear(dims[-2], dims[-1], bias=last == "none"))
        if last != "none":
            layers.append(GlobalBatchNorm(dims[-1], affine=last == "bn"))
    return Head(*layers)


class NormedLinear(nn.Linear):
    """Cosine of the input with each weight row: (N, D) -> (N, K), in [-1, 1]. The rows are prototypes."""

    def __init__(self, in_features: int, out_features: int):
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.normalize(x, dim=-1), F.normalize(self.weight, dim=-1))


class ViewHeads(nn.Module):
    """One head for all views if their features have one width, else a head for each view.

    Args:
        dims: width of the features of every view, in the order of the configuration.
        make: width -> head.
    """

    def __init__(self, dims: dict[str, int], make: Callable[[int], nn.Module]):
        super().__init__()
        self.shared = len(set(dims.values())) == 1
        self.position = {name: 0 if self.shared else i for i, name in enumerate(dims)}
        widths = [next(iter(dims.values()))] if self.shared else list(dims.values())
        self.heads = nn.ModuleList(make(width) for width in widths)

    def forward(self, views: dict[str, Tensor], masks: dict[str, Tensor]) -> dict[str, Tensor]:
        """Head output of every view; each view is normalised by its own batch statistics."""
        return {name: self.heads[self.position[name]](x, masks[name]) for name, x in views.items()}
