"""Where in time a frame is, told to the transformer: three ways, and what each lets the network read.

``sinusoidal``: the papers' code, stretched over the clip. It hands the network the normalised time of each frame, from
which an untrained network already orders frames (a clock). ``relative``: rotary embedding of the presentation times in
seconds; attention sees differences of time only. ``none``: a set of frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal(num_frames: int, dim: int, *, length: int, like: Tensor) -> Tensor:
    """Sine code of CARL (dimensions 2k: sine, 2k+1: cosine, period 10000^(2k/d)), stretched to ``length`` positions.

    Returns: (T, D). With T == length it is the code of the slots 0..T-1, else of T points spread over [0, length - 1].
    """
    if torch.compiler.is_compiling():  # linspace would fix the number of frames in an exported graph
        slots = torch.arange(num_frames, device=like.device, dtype=torch.float64)
        position = (slots * (length - 1) / slots[-1].clamp(min=1)).float()
    else:
        position = torch.linspace(0, length - 1, num_frames, device=like.device, dtype=torch.float32)
        if num_frames == 1:
            position = position * 0
    frequency = torch.exp(torch.arange(0, dim, 2, device=like.device) * (-math.log(10000.0) / dim))
    angle = position[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like.dtype)


def rotary_angles(time_s: Tensor, dim: int, *, shortest_s: float = 0.2, longest_s: float = 60.0) -> Tensor:
    """Rotation angles of times in seconds (B, T) -> (B, T, dim / 2), periods spread geometrically in between.

    Times are taken from the clip's first frame, so that float32 holds them; only differences enter attention.
    """
    periods = torch.logspace(math.log10(shortest_s), math.log10(longest_s), dim // 2, device=time_s.device)
    elapsed = (time_s - time_s.amin(dim=1, keepdim=True)).float()
    return elapsed[..., None] * (2 * math.pi / periods)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Rotates pairs of dimensions: x (B, heads, T, dim), angles (B, T, dim / 2)."""
    cos, sin = angles.cos()[:, None].to(x.dtype), angles.sin()[:, None].to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
