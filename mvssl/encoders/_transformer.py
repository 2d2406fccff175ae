"""The temporal transformer: pre-norm layers over the frames of a clip, initialised independently, padding masked out."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mvssl.encoders._position import rotary_angles, rotate, sinusoidal

Position = Literal["sinusoidal", "relative", "none"]


class Layer(nn.Module):
    """Pre-norm self-attention and feed-forward; dropout on the two residual branches only (as CARL)."""

    def __init__(self, dim: int, num_heads: int, hidden: int, dropout: float):
        super().__init__()
        self.num_heads = num_heads
        self.norm_attention, self.norm_feed = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.feed = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keys: Tensor | None, angles: Tensor | None) -> Tensor:
        batch, num_frames, dim = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, num_frames, 3, self.num_heads, dim // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if angles is not None:
            query, key = rotate(query, angles), rotate(key, angles)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(batch, num_frames, dim)))
        return x + self.dropout(self.feed(self.norm_feed(x)))


class TemporalTransformer(nn.Module):
    """(B, T, D) -> (B, T, D) over the frames of a clip.

    Args:
        dim: width D; heads divide it.
        position: how time is told (see ``_position.py``).
        code_length: positions over which the sine code is stretched (CARL: the number of training frames).
        reach_s: a frame attends to frames this near in time, per layer; None: to all. Within reach nobody can tell how
            far the ends of the clip are, so a layer learns what moves, not the clock.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_layers: int,
        num_heads: int,
        hidden: int,
        dropout: float,
        position: Position,
        code_length: int,
        reach_s: float | None = None,
    ):
        super().__init__()
        self.reach_s = reach_s
        self.position, self.code_length, self.head_dim = position, code_length, dim // num_heads
        self.layers = nn.ModuleList(Layer(dim, num_heads, hidden, dropout) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, time_s: Tensor, mask: Tensor) -> Tensor:
        """Shapes: x (B, T, D), time_s (B, T) seconds, mask (B, T) bool, False = padding (attended to by nobody)."""
        if self.position == "sinusoidal":
            x = self.dropout(x + sinusoidal(x.shape[1], x.shape[2], length=self.code_length, like=x))
        angles = rotary_angles(time_s, self.head_dim) if self.position == "relative" else None
        keys = self._keys(time_s, mask)
        for layer in self.layers:
            x = layer(x, keys, angles)
        return x

    def _keys(self, time_s: Tensor, mask: Tensor) -> Tensor | None:
        """(B, 1, T, T) bool: which frame attends to which; None = all to all. Each attends to itself, so rows are finite."""
        if self.reach_s is None:
            if not torch.compiler.is_compiling() and bool(mask.all()):  # an exported graph serves every mask
                return None
            attended = mask | ~mask.any(dim=1, keepdim=True)
            return attended[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
        near = (time_s[:, :, None] - time_s[:, None, :]).abs() <= self.reach_s + 1e-6
        own = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        return (near & mask[:, None, :] | own)[:, None]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over valid frames: x (B, T, D), mask (B, T) -> (B, D); zeros where no frame is valid."""
    weight = mask.to(x.dtype)[..., None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1.0)


__all__ = ["Position", "TemporalTransformer", "masked_mean"]
