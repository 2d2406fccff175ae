"""Lightness: the L of Lab."""

from __future__ import annotations

from mvssl.types import View
from mvssl.views.modalities._lab import rgb_to_lab
from mvssl.views.modalities.rgb import RGB


class Luminance(RGB):
    """L / 100 in [0, 1], one channel: the first view of CMC (Tian et al., ECCV 2020). Shares the pixels of ``rgb``."""

    channels = 1

    def to_input(self, view: View) -> View:
        return view._replace(pixels=rgb_to_lab(view.pixels.float() / 255)[..., :1, :, :] / 100)
