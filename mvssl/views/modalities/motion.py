"""Motion vectors that the video file itself holds."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mvssl.errors import InputError
from mvssl.types import Clip, ClipRequest
from mvssl.views.modalities._frames import crop_in_decoder, mirror_vectors
from mvssl.views.modalities.flow import scale_vectors
from mvssl.views.modality import Modality, Transform
from mvssl.views.parameters import Drawn


class MotionModality(Modality):
    """The decoder's motion vectors, rasterised, in pixels of the view per second.

    They serve compression: exact on textured pictures, near to nothing on flat or noisy ones. Key frames carry none and
    show zero. A mirrored view has dx negated; colour operations play no part. For the network
    as ``flow``.

    Args:
        bound: speed that becomes 0 or 1, in sides of the view per second.
    """

    channels = 2
    dtype = np.float16

    def __init__(self, *, bound: float = 2.0):
        if not bound > 0:
            raise InputError(f"modality motion: bound must be positive, not {bound}")
        self.bound = bound
        self.key = ("motion",)

    def request(self, request: ClipRequest, transform: Transform, drawn: Drawn) -> ClipRequest:
        return crop_in_decoder(request, drawn, transform.size)._replace(planes=("motion",))

    def pack(self, clip: Clip, transform: Transform, drawn: Drawn) -> np.ndarray:
        if clip.motion is None:
            raise InputError(f"modality motion: the decoder gave no motion vectors for {clip.video_id!r}; use flow")
        vectors = mirror_vectors(clip.motion) if drawn.flip else clip.motion
        return vectors.astype(np.float16)

    def floats(self, pixels: Tensor) -> Tensor:
        return scale_vectors(pixels, self.bound)

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        return np.zeros((num_frames, 1, 2, size, size), dtype=np.float16)
