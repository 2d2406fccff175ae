"""What an augmentation drew for one view: the same for all its frames, and handed on with the view."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np

Box = tuple[float, float, float, float]

COLOUR_ORDERS = tuple(permutations(("brightness", "contrast", "saturation", "hue")))

# columns of View.params
PARAMETERS = (
    "flip",  # 1 = mirrored left to right
    "brightness",  # factor; 1 = unchanged
    "contrast",  # factor
    "saturation",  # factor
    "hue",  # turn of the colour circle, -0.5 to 0.5
    "colour_order",  # row of COLOUR_ORDERS
    "grayscale",  # 1 = no colour left
    "blur_sigma",  # pixels of the output picture; 0 = none
    "solarise",  # 1 = values at or above the threshold inverted
    "erase_x0",  # box in [0, 1] of the output picture, set to black; all 0 = none
    "erase_y0",
    "erase_x1",
    "erase_y1",
    "step_s",  # mean time between consecutive valid frames: the tempo at which the view shows the video
)


class Drawn(NamedTuple):
    """The parameters of one view. The defaults change nothing."""

    box: Box = (0.0, 0.0, 1.0, 1.0)  # crop x0, y0, x1, y1 in [0, 1] of the upright picture
    flip: bool = False
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    colour_order: int = 0
    grayscale: bool = False
    blur_sigma: float = 0.0
    solarise: bool = False
    erase: Box = (0.0, 0.0, 0.0, 0.0)
    jpeg_quality: int = 0  # of ``Compressed``; 0 = not compressed anew. No column: it is no part of training's recipes

    def columns(self, step_s: float) -> np.ndarray:
        """(P,) float32 in the order of ``PARAMETERS``."""
        return np.array([*self[1:10], *self.erase, step_s], dtype=np.float32)
