"""Exponential moving average of an objective's own parts: the target head of BYOL and its kin."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def cosine_momentum(base: float, progress: float) -> float:
    """1 - (1 - base) (cos(pi progress) + 1) / 2: from ``base`` at progress 0 to 1 at the end (BYOL, section 3.1)."""
    return 1.0 - (1.0 - base) * (math.cos(math.pi * min(progress, 1.0)) + 1.0) / 2.0


def without_draws(module: nn.Module) -> None:
    """Evaluation mode for everything but the batch norms that are in train mode: no dropout, no stochastic depth."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.training]
    module.eval()
    for norm in norms:
        norm.train()


class EMA(nn.Module):
    """A copy of a module whose parameters follow it; it runs without gradient.

    Batch norms of the copy stay in train mode with their own statistics, as in BYOL's code: buffers are not averaged. What
    draws at random (dropout) is off: a target is a function of its input.
    It is equal on all ranks, since the parameters it follows and the batch statistics are.

    Args:
        module: what to copy. Changes of it reach the copy through ``update`` alone.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.copy = deepcopy(module).requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> EMA:
        super().train(mode)
        without_draws(self.copy)
        return self

    @torch.no_grad()
    def forward(self, *args: Any) -> Any:
        return self.copy(*args)

    @torch.no_grad()
    def update(self, module: nn.Module, momentum: float) -> None:
        """Parameters <- momentum x parameters + (1 - momentum) x those of ``module``; after the optimiser's step."""
        pairs: list[tuple[Tensor, Tensor]] = list(zip(self.copy.parameters(), module.parameters(), strict=True))
        for mine, theirs in pairs:
            mine.lerp_(theirs, 1.0 - momentum)
