"""Colour without lightness: the a and b of Lab."""

from __future__ import annotations

from torch import Tensor

from mvssl.views.modalities._lab import rgb_to_lab
from mvssl.views.modalities.rgb import RgbModality


class ChromaModality(RgbModality):
    """(a, b) as (x + 128) / 255 in [0, 1], two channels: the second view of CMC. Shares the pixels of ``rgb``."""

    channels = 2

    def floats(self, pixels: Tensor) -> Tensor:
        return (rgb_to_lab(super().floats(pixels))[..., 1:, :, :] + 128) / 255
