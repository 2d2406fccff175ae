"""The view that evaluation and embedding see: no chance in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mvssl.errors import InputError
from mvssl.types import ClipRequest
from mvssl.views._crop import centre_box
from mvssl.views.parameters import Drawn


@dataclass(frozen=True, kw_only=True)
class EvaluationViews:
    """Short side + centre crop at any native size, or the whole picture squeezed to a square; done by the decoder.

    Args:
        size: height and width of the view in pixels.
        fit: "crop" takes the centre square, "squash" the whole picture (the aspect ratio changes).
        zoom: with "crop", side of the square as a part of the short side (0.875 = the usual 256 to 224).
    """

    size: int = 224
    fit: Literal["crop", "squash"] = "crop"
    zoom: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 < self.zoom <= 1:
            raise InputError(
                f"views evaluation: size must be at least 1 and zoom in (0, 1], not {self.size} and {self.zoom}"
            )

    def draw(self, view: int, width: int, height: int, generator: np.random.Generator | None = None) -> Drawn:
        """The box; neither the view nor the generator plays a part."""
        return Drawn(box=centre_box(width, height, self.zoom)) if self.fit == "crop" else Drawn()

    def request(self, request: ClipRequest, drawn: Drawn) -> ClipRequest:
        """The request with crop and size."""
        crop = drawn.box if self.fit == "crop" else None
        return request._replace(crop=crop, size=(self.size, self.size))

    def apply(self, frames: np.ndarray, drawn: Drawn) -> np.ndarray:
        """(N, size, size, 3) uint8, as decoded."""
        return frames
