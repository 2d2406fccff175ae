"""What modalities made from decoded frames share: the request, the layout of pictures, and mirrored vectors."""

from __future__ import annotations

import numpy as np

from mvssl.types import Clip, ClipRequest
from mvssl.views.parameters import Drawn


def crop_in_decoder(request: ClipRequest, drawn: Drawn, size: int) -> ClipRequest:
    """The request with the drawn crop and the size of the view, whatever the recipe of the colours."""
    crop = None if drawn.box == (0.0, 0.0, 1.0, 1.0) else drawn.box
    return request._replace(crop=crop, size=(size, size))


def pictures(clip: Clip) -> np.ndarray:
    """(T, K, 3, H, W) -> (T x K, H, W, 3); no copy where the decoder left the channels last in memory."""
    frames = clip.frames.transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(frames.reshape(-1, *frames.shape[2:]))


def channels_first(frames: np.ndarray, num_frames: int) -> np.ndarray:
    """(T x K, H, W, C) -> (T, K, C, H, W), a view: channels stay last in memory."""
    return frames.reshape(num_frames, -1, *frames.shape[1:]).transpose(0, 1, 4, 2, 3)


def mirror_vectors(vectors: np.ndarray) -> np.ndarray:
    """(..., 2, H, W) vectors (dx, dy) of the mirrored picture: places swapped left to right, dx negated."""
    mirrored = vectors[..., ::-1].copy()
    mirrored[..., 0, :, :] *= -1
    return mirrored
