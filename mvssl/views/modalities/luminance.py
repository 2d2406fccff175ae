"""Lightness: the L of Lab."""

from __future__ import annotations

from torch import Tensor

from mvssl.views.modalities._lab import rgb_to_lab
from mvssl.views.modalities.rgb import RgbModality


class LuminanceModality(RgbModality):
    """L / 100 in [0, 1], one channel: the first view of CMC (Tian et al., ECCV 2020). Shares the pixels of ``rgb``."""

    channels = 1

    def floats(self, pixels: Tensor) -> Tensor:
        return rgb_to_lab(super().floats(pixels))[..., :1, :, :] / 100
