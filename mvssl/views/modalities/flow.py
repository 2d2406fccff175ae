"""Optical flow by OpenCV's DIS."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from torch import Tensor

from mvssl.errors import InputError
from mvssl.types import Clip, ClipRequest
from mvssl.views.modalities._frames import crop_in_decoder, mirror_vectors, pictures
from mvssl.views.modality import Modality, Transform
from mvssl.views.parameters import Drawn

Preset = Literal["ultrafast", "fast", "medium"]


class FlowModality(Modality):
    """Apparent motion between t and t + ``delta_s``, two channels (dx, dy), on the cropped and resized pictures.

    On the worker: pixels of the view per second (float16), by the true time between the two frames shown. Colour
    operations play no part; a mirrored view has dx negated. For the network: 0.5 + v / (2 ``bound``), v in sides of the
    view per second, clipped to [0, 1].

    Args:
        delta_s: time between the two frames, seconds.
        preset: of DIS (Kroeger et al., ECCV 2016).
        bound: speed that becomes 0 or 1, in sides of the view per second.
    """

    channels = 2
    dtype = np.float16

    def __init__(self, *, delta_s: float = 0.1, preset: Preset = "fast", bound: float = 2.0):
        if not (delta_s > 0 and bound > 0):
            raise InputError(f"modality flow: delta_s and bound must be positive, not {delta_s} and {bound}")
        self.preset, self.bound = preset, bound
        self.offsets_s = (0.0, delta_s)
        self.reach_s = delta_s
        self.key = ("flow", self.offsets_s, preset)

    def request(self, request: ClipRequest, transform: Transform, drawn: Drawn) -> ClipRequest:
        return crop_in_decoder(request, drawn, transform.size)._replace(offsets_s=np.asarray(self.offsets_s))

    def pack(self, clip: Clip, transform: Transform, drawn: Drawn) -> np.ndarray:
        gray = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures(clip)])
        gray = gray.reshape(len(clip.frames), 2, *gray.shape[1:])
        vectors = velocity(gray[:, 0], gray[:, 1], clip.time_s[:, 1] - clip.time_s[:, 0], preset=self.preset)
        return (mirror_vectors(vectors) if drawn.flip else vectors)[:, None].astype(np.float16)

    def floats(self, pixels: Tensor) -> Tensor:
        return scale_vectors(pixels, self.bound)

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        return np.zeros((num_frames, 1, 2, size, size), dtype=np.float16)


def velocity(now: np.ndarray, later: np.ndarray, delta_s: np.ndarray, *, preset: Preset = "fast") -> np.ndarray:
    """DIS flow of pairs of gray pictures, divided by the time between them.

    Args:
        now, later: (N, H, W) uint8.
        delta_s: (N,) seconds; where it is 0 (one frame shown twice) the velocity is 0.

    Returns:
        (N, 2, H, W) float32, (dx, dy) in pixels per second.
    """
    out = np.zeros((len(now), 2, *now.shape[1:]), dtype=np.float32)
    for i in np.flatnonzero(np.asarray(delta_s) > 0):
        out[i] = _dis(preset).calc(now[i], later[i], None).transpose(2, 0, 1) / delta_s[i]
    return out


def scale_vectors(pixels: Tensor, bound: float) -> Tensor:
    """(..., 2, H, W) pixels per second -> 0.5 + v / (2 bound) in [0, 1], v in sides of the picture per second."""
    height, width = pixels.shape[-2:]
    side = pixels.new_tensor([width, height]).float()[:, None, None]
    return (0.5 + pixels.float() / side / (2 * bound)).clamp(0, 1)


@lru_cache(maxsize=4)
def _dis(preset: Preset):
    return cv2.DISOpticalFlow_create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))  # type: ignore[attr-defined]
