"""Temporally consistent augmentation: one draw per view, shared by its frames; the drawn parameters come back."""

# annotations here are objects, not text: the recipes in other files inherit them
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mvssl.errors import InputError
from mvssl.types import ClipRequest
from mvssl.views._crop import random_box
from mvssl.views._exact import apply_exact
from mvssl.views._fast import apply_fast
from mvssl.views.parameters import COLOUR_ORDERS, Drawn


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Crop, flip, colour jitter, grayscale, blur, solarise, erase. The keywords are the recipe; named recipes
    (``carl``, ``cvrl``, ``simclr``, ``byol``) are this class with other defaults.

    Probabilities given as a tuple are per view, in the order of the sampler's views; a tuple of one holds for all.
    The order of the operations is as written above; the order inside the colour jitter is drawn.

    Args:
        size: height and width of the view in pixels.
        crop_scale: area of the crop as a part of the picture.
        crop_ratio: width / height of the crop.
        flip_probability: of mirroring left to right.
        jitter_probability: of the colour jitter.
        brightness, contrast, saturation: factors are uniform in [max(0, 1 - x), 1 + x].
        hue: turn of the colour circle, uniform in [-x, x].
        grayscale_probability: of dropping the colour.
        blur_probability: per view.
        blur_sigma: bounds of the Gaussian blur's sigma, pixels of the view.
        solarise_probability: per view.
        solarise_threshold: values at or above it are inverted, in [0, 1].
        erase_probability: of one black rectangle in all frames.
        erase_scale: its area as a part of the view; width / height is log-uniform in [0.3, 3.3].
        recipe: "fast" crops and resizes in the decoder and composes all colour operations into one affine map on uint8;
            "exact" is torchvision's arithmetic, operation by operation in float.
        device: where all but crop and resize is done: "loader" (the workers, by ``recipe``) or "model" (the training
            device, by the arithmetic of "exact" on the resized uint8 pictures; see ``to_input``).
    """

    size: int = 224
    crop_scale: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (0.75, 1.3333333333333333)
    flip_probability: float = 0.5
    jitter_probability: float = 0.8
    brightness: float = 0.8
    contrast: float = 0.8
    saturation: float = 0.8
    hue: float = 0.2
    grayscale_probability: float = 0.2
    blur_probability: tuple[float, ...] = (0.5,)
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise_probability: tuple[float, ...] = (0.0,)
    solarise_threshold: float = 0.5
    erase_probability: float = 0.0
    erase_scale: tuple[float, float] = (0.02, 0.33)
    recipe: Literal["fast", "exact"] = "fast"
    device: Literal["loader", "model"] = "loader"

    def __post_init__(self) -> None:
        where = f"views {type(self).__module__.rpartition('.')[2]}"
        if self.size < 1:
            raise InputError(f"{where}: size must be at least 1, not {self.size}")
        for name in ("flip", "jitter", "grayscale", "blur", "solarise", "erase"):
            value = getattr(self, f"{name}_probability")
            for probability in value if isinstance(value, tuple) else (value,):
                if not 0 <= probability <= 1:
                    raise InputError(f"{where}: {name}_probability must lie in [0, 1], not {probability}")
        for name in ("brightness", "contrast", "saturation", "hue"):
            if not 0 <= getattr(self, name) <= (0.5 if name == "hue" else np.inf):
                raise InputError(f"{where}: {name} must not be negative (hue: at most 0.5), not {getattr(self, name)}")
        for name in ("crop_scale", "crop_ratio", "blur_sigma", "erase_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high or (name.endswith("scale") and high > 1):
                raise InputError(f"{where}: {name} must be rising and positive (areas: at most 1), not {low}, {high}")

    def draw(self, view: int, width: int, height: int, generator: np.random.Generator) -> Drawn:
        """The parameters of a view, before anything is decoded.

        Args:
            view: place of the view among the sampler's.
            width, height: of the upright source picture, pixels.
            generator: the sample's; the number of draws does not depend on their results.
        """
        box = random_box(width, height, self.crop_scale, self.crop_ratio, generator)
        chance = generator.random(6)
        factor = generator.uniform(-1.0, 1.0, 4)
        order = int(generator.integers(len(COLOUR_ORDERS)))
        sigma = generator.uniform(*self.blur_sigma)
        erase = random_box(self.size, self.size, self.erase_scale, (0.3, 3.3), generator)
        drawn = Drawn(box=box, flip=bool(chance[0] < self.flip_probability))
        if chance[1] < self.jitter_probability:
            drawn = drawn._replace(
                brightness=_factor(self.brightness, factor[0]),
                contrast=_factor(self.contrast, factor[1]),
                saturation=_factor(self.saturation, factor[2]),
                hue=float(self.hue * factor[3]),
                colour_order=order,
            )
        return drawn._replace(
            grayscale=bool(chance[2] < self.grayscale_probability),
            blur_sigma=float(sigma) if chance[3] < _of_view(self.blur_probability, view, "blur") else 0.0,
            solarise=bool(chance[4] < _of_view(self.solarise_probability, view, "solarise")),
            erase=erase if chance[5] < self.erase_probability else (0.0, 0.0, 0.0, 0.0),
        )

    def request(self, request: ClipRequest, drawn: Drawn) -> ClipRequest:
        """The request with the crop and, in the fast recipe, the size: the decoder does both."""
        size = (self.size, self.size) if self.recipe == "fast" else None
        return request._replace(crop=drawn.box, size=size)

    def apply(self, frames: np.ndarray, drawn: Drawn) -> np.ndarray:
        """(N, h, w, 3) uint8 as decoded for ``request`` -> (N, size, size, 3) uint8. Same draw, same result.

        With ``device="model"`` the pictures are resized and no more: ``to_input`` does the rest.
        """
        if self.device == "model":
            drawn = Drawn(box=drawn.box)
        if self.recipe == "exact":
            return apply_exact(frames, drawn, (self.size, self.size), self.solarise_threshold)
        return apply_fast(frames, drawn, self.solarise_threshold)


def _factor(strength: float, draw: float) -> float:
    """Uniform in [max(0, 1 - strength), 1 + strength], from a draw uniform in [-1, 1]."""
    low = max(0.0, 1.0 - strength)
    return float(low + (draw + 1.0) / 2.0 * (1.0 + strength - low))


def _of_view(probability: tuple[float, ...], view: int, name: str) -> float:
    if len(probability) == 1:
        return probability[0]
    if view >= len(probability):
        raise InputError(
            f"views: {name}_probability names {len(probability)} views, the sampler has more; give one, or one each"
        )
    return probability[view]
