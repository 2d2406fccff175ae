"""Change between two near instants."""

from __future__ import annotations

from torch import Tensor

from mvssl.errors import InputError
from mvssl.views.modalities.rgb import RgbModality


class DifferenceModality(RgbModality):
    """Picture at t + ``delta_s`` minus picture at t, as (d + 1) / 2 in [0, 1], three channels.

    Both pictures are augmented alike, so a still video gives 0.5 everywhere.
    """

    channels = 3

    def __init__(self, *, delta_s: float = 0.1):
        if not delta_s > 0:
            raise InputError(f"modality difference: delta_s must be positive, not {delta_s}")
        super().__init__(offsets_s=(0.0, delta_s))
        self.reach_s = delta_s

    def floats(self, pixels: Tensor) -> Tensor:
        now, later = super().floats(pixels).split(1, dim=2)
        return (later - now + 1) / 2
