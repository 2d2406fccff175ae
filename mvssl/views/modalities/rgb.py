"""Colour pictures."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mvssl.types import Clip, ClipRequest
from mvssl.views.modalities._frames import channels_first, pictures
from mvssl.views.modality import Modality, Transform
from mvssl.views.parameters import Drawn


class RgbModality(Modality):
    """RGB in [0, 1]; normalisation by mean and deviation is the encoder's.

    Args:
        offsets_s: frames wanted around each time, in seconds; several give K pictures per time (context frames).
            None = the sampler's, most often the frame alone. Neighbours beyond the ends of the video show its end
            frames.
    """

    channels = 3

    def __init__(self, *, offsets_s: tuple[float, ...] | None = None):
        self.offsets_s = None if offsets_s is None else tuple(offsets_s)
        self.key = ("rgb", self.offsets_s)

    def request(self, request: ClipRequest, transform: Transform, drawn: Drawn) -> ClipRequest:
        wanted = transform.request(request, drawn)
        return wanted if self.offsets_s is None else wanted._replace(offsets_s=np.array(self.offsets_s))

    def pack(self, clip: Clip, transform: Transform, drawn: Drawn) -> np.ndarray:
        return channels_first(transform.apply(pictures(clip), drawn), len(clip.frames))

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        num = num_neighbours if self.offsets_s is None else len(self.offsets_s)
        return np.zeros((num_frames, num, size, size, 3), dtype=np.uint8).transpose(0, 1, 4, 2, 3)

    def floats(self, pixels: Tensor) -> Tensor:
        return pixels.float() / 255
