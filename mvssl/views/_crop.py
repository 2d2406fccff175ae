"""Crop boxes: drawn at random, or the centre; whole pixels of the source, given in [0, 1]."""

from __future__ import annotations

import math

import numpy as np

from mvssl.errors import InputError
from mvssl.views.parameters import Box


def random_box(
    width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float], generator: np.random.Generator
) -> Box:
    """A box of random area (part of the picture, uniform) and aspect ratio (width / height, log-uniform), anywhere.

    A box that does not fit into the picture is shrunk until it does, at the same ratio, and still placed at random.
    (torchvision draws again up to ten times and then takes the fixed centre; on 640 x 360 with areas of 0.8 and more
    and ratios of at most 4 / 3 nothing ever fits, and its "random" crop is always the same.)
    """
    _check_size(width, height)
    area = generator.uniform(*scale) * width * height
    aspect = math.exp(generator.uniform(math.log(ratio[0]), math.log(ratio[1])))
    wide, high = math.sqrt(area * aspect), math.sqrt(area / aspect)
    fit = min(1.0, width / wide, height / high)
    w, h = max(1, round(wide * fit)), max(1, round(high * fit))
    x, y = int(generator.integers(width - w + 1)), int(generator.integers(height - h + 1))
    return x / width, y / height, (x + w) / width, (y + h) / height


def centre_box(width: int, height: int, zoom: float = 1.0) -> Box:
    """The square in the middle with ``zoom`` of the short side: short side + centre crop in one step, at any size."""
    _check_size(width, height)
    side = max(1, round(min(width, height) * zoom))
    x, y = (width - side) // 2, (height - side) // 2
    return x / width, y / height, (x + side) / width, (y + side) / height


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InputError(
            f"views: the picture is stated as {width} x {height} pixels; scan the videos to know their size"
        )
