"""How pictures are shown to an encoder when a video is embedded: part of the model, saved with every run."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import numpy as np

from mvssl import config
from mvssl.config import Section
from mvssl.series import shown_at
from mvssl.types import Video

MODALITIES = "mvssl.views.modalities"


class Recipe(Section):
    """Frames and pixels of an embedding.

    Attributes:
        size: side of the square picture in pixels.
        fit: ``squash`` shows the whole picture, its shape not kept; ``crop`` its central square.
        fps: frames a second that are embedded; None: every frame of the file.
        window_s: longest stretch that the temporal part sees at once; longer videos are cut into windows that overlap
            by half, and each frame's row comes from the window in which it is most central.
        modality: what the encoder is shown: name and parameters of a modality of ``mvssl.views``.
    """

    size: int = 224
    fit: Literal["squash", "crop"] = "squash"
    fps: float | None = None
    window_s: float = 60.0
    modality: dict[str, Any] = {"name": "rgb"}

    def showing(self, modality: dict[str, Any]) -> Recipe:
        """This recipe with another modality (its full specification)."""
        plain = modality == config.resolved(MODALITIES, "rgb", "modality")
        return self.model_copy(update={"modality": {"name": "rgb"} if plain else modality})

    def about(self) -> dict[str, Any]:
        """What tables say of it; plain rgb goes without saying."""
        values = self.model_dump()
        return {key: value for key, value in values.items() if key != "modality" or value != {"name": "rgb"}}

    def crop_of(self, video: Video) -> tuple[float, float, float, float] | None:
        """Crop (x0, y0, x1, y1 in [0, 1]) that this recipe makes of a video's upright picture."""
        if self.fit == "squash" or not (video.width and video.height):
            return None
        side = min(video.width, video.height)
        half_x, half_y = side / video.width / 2, side / video.height / 2
        return (0.5 - half_x, 0.5 - half_y, 0.5 + half_x, 0.5 + half_y)

    def frames_of(self, times_s: np.ndarray) -> np.ndarray:
        """Which of a video's frames are embedded: (T,) rows of ``times_s``, strictly increasing.

        With ``fps`` set: the frame shown at each instant of a grid of that rate; a frame shown at several is taken once.
        """
        if self.fps is None or len(times_s) < 2:
            return np.arange(len(times_s))
        times_s = times_s - times_s[0]
        grid = np.arange(0.0, times_s[-1] + 1e-9, 1.0 / self.fps)
        return np.unique(shown_at(times_s, grid))

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(self.about(), sort_keys=True).encode()).hexdigest()[:16]
