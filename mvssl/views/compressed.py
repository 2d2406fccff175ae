"""CARL's augmentation, compressed anew: for copies that a backbone should not find by the traces of one encoder."""

from dataclasses import dataclass

import cv2
import numpy as np

from mvssl.errors import InputError
from mvssl.views.carl import CarlViews
from mvssl.views.parameters import Drawn


@dataclass(frozen=True, kw_only=True)
class CompressedViews(CarlViews):
    """CARL's augmentation, then every frame to JPEG and back, at one quality for all frames of a view.

    Args:
        jpeg_quality: bounds of libjpeg's quality, uniform; 1 to 100.
    """

    jpeg_quality: tuple[int, int] = (30, 90)

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.jpeg_quality
        if not 1 <= low <= high <= 100:
            raise InputError(f"views compressed: jpeg_quality must be rising, within 1 and 100, not {low}, {high}")
        if self.device != "loader":
            raise InputError("views compressed: pictures are compressed by the loader; set device to loader")

    def draw(self, view: int, width: int, height: int, generator: np.random.Generator) -> Drawn:
        """As ``Augment.draw``, and the quality."""
        drawn = super().draw(view, width, height, generator)
        return drawn._replace(jpeg_quality=int(generator.integers(*self.jpeg_quality, endpoint=True)))

    def apply(self, frames: np.ndarray, drawn: Drawn) -> np.ndarray:
        """As ``Augment.apply``, and compressed."""
        augmented = super().apply(frames, drawn)
        if not drawn.jpeg_quality:
            return augmented
        return np.stack([_jpeg(picture, drawn.jpeg_quality) for picture in augmented])


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """An RGB picture after a round trip."""
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
