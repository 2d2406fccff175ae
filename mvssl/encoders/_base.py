"""What every frame-wise encoder is: a backbone that looks at single pictures, and what is done with its features in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvssl.encoders._backbone import Backbone
from mvssl.types import Dims, Features, View


class FrameEncoder(nn.Module):
    """Base class: a subclass sets ``dims`` and writes ``temporal``.

    Args:
        trunk: the picture backbone.
        chunk: pictures that go through the backbone at once, unless its batch norms learn from them; it bounds memory and
            changes no result. None: 8 on a CPU, where a small working set is 2 x as fast as 32, else 128.
    """

    dims: Dims
    position = "none"

    def __init__(self, trunk: Backbone, *, chunk: int | None):
        super().__init__()
        self.trunk, self.chunk = trunk, chunk

    @property
    def backbone(self) -> Backbone:
        """The pretrained or trained network that looks at pictures or clips."""
        return self.trunk

    def trunk_features(self, pixels: Tensor) -> Tensor:
        """Pooled backbone features: (B, T, K, C, H, W), uint8 or float in [0, 1] -> (B, T, D_trunk); K must be 1."""
        batch, num_frames = pixels.shape[:2]
        pictures = pixels.flatten(0, 2)
        chunk = self.chunk or (8 if pixels.device.type == "cpu" else 128)
        if self.trunk.training and self.trunk.live_norms():
            chunk = len(pictures)  # they must see the whole batch, in the EMA copy too
        parts = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.trunk.frozen):
            for part in pictures.split(chunk):
                floats = part.float() / 255 if part.dtype == torch.uint8 else part
                parts.append(self.trunk(floats.contiguous(memory_format=torch.channels_last)))
        return torch.cat(parts).view(batch, num_frames, -1)

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        """What follows the backbone: (B, T, D_trunk), times (B, T), mask (B, T) -> frame (B, T, D) and clip (B, D)."""
        raise NotImplementedError

    def forward(self, view: View, layers: tuple[str, ...] = ()) -> Features:
        """A view of pictures, or one of cached backbone features (pixels (B, T, D_trunk)) -> Features."""
        features = view.pixels if view.pixels.dim() == 3 else self.trunk_features(view.pixels)
        return self.temporal(features, view.time_s, view.mask, layers)
