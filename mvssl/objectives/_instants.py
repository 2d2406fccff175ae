"""The same instant in two views of a sample, on the clock of the session."""

from __future__ import annotations

import torch
from torch import Tensor

from ._frames import ViewFrames


def same_instant(a: ViewFrames, b: ViewFrames, tolerance_s: float) -> tuple[Tensor, Tensor]:
    """For every frame of ``a`` the frame of ``b`` at its time: index (B, T) and whether there is one (B, T) bool.

    Two frames belong together if each is the other's nearest in time and they are at most ``tolerance_s`` apart, so no
    frame has two partners.
    """
    gap = (a.time_s[:, :, None] - b.time_s[:, None, :]).abs()
    gap = gap.masked_fill(~(a.valid[:, :, None] & b.valid[:, None, :]), torch.inf)
    nearest, back = gap.argmin(2), gap.argmin(1)
    mutual = back.gather(1, nearest) == torch.arange(gap.shape[1], device=gap.device)
    return nearest, mutual & (gap.amin(2) <= tolerance_s)
