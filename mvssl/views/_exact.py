"""The exact recipe: torchvision's operations in their order, in float with clipping between, rounded once at the end.

The work is done where it is cheap: the antialiased resize as two sparse products, everything else by OpenCV on one
float picture at a time. Taps of the blur below 1e-6 are left out. The result is within 1/255 of
torchvision's float result.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mvssl.views._fast import GRAY, erase
from mvssl.views.parameters import COLOUR_ORDERS, Drawn

if TYPE_CHECKING:
    from scipy import sparse


def apply_exact(frames: np.ndarray, drawn: Drawn, size: tuple[int, int], solarise_threshold: float) -> np.ndarray:
    """Resize, flip, colour jitter, grayscale, blur, solarise, erase: (N, h, w, 3) uint8 crop -> (N, H, W, 3) uint8."""
    out = np.empty((len(frames), *size, 3), dtype=np.uint8)
    for source, target in zip(frames, out):
        picture = resize(source, size)
        if drawn.flip:
            picture = cv2.flip(picture, 1)
        for name in COLOUR_ORDERS[drawn.colour_order]:
            picture = _OPERATIONS[name](picture, getattr(drawn, name))
        if drawn.grayscale:
            picture = cv2.merge([cv2.transform(picture, GRAY[None])] * 3)
        if drawn.blur_sigma > 0:
            kernel = blur_kernel(drawn.blur_sigma, min(size))
            picture = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
        if drawn.solarise:
            picture = np.where(picture >= solarise_threshold, 1.0 - picture, picture)
        cv2.convertScaleAbs(picture, target, 255.0)
    erase(out, drawn.erase)
    return out


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) uint8 -> (H, W, 3) float32 in [0, 1]: bilinear with antialias, as torch.nn.functional.interpolate."""
    height, width = picture.shape[:2]
    wide = picture.astype(np.float32).reshape(height, -1)
    rows = (_weights(height, size[0], 1 / 255) @ wide).reshape(size[0], width, 3)
    columns = _weights(width, size[1], 1.0) @ cv2.transpose(rows).reshape(width, -1)
    return cv2.transpose(columns.reshape(size[1], size[0], 3))


@lru_cache(maxsize=1024)
def _weights(num_in: int, num_out: int, total: float) -> sparse.csr_matrix:
    """(num_out, num_in) triangle filter, as wide as the reduction, rows summing to ``total``."""
    from scipy import sparse

    scale = num_in / num_out
    centre = (np.arange(num_out)[:, None] + 0.5) * scale
    weight = np.maximum(0.0, 1.0 - np.abs(np.arange(num_in)[None] + 0.5 - centre) / max(scale, 1.0))
    return sparse.csr_matrix((total * weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))


def _brightness(picture: np.ndarray, factor: float) -> np.ndarray:
    return picture if factor == 1.0 else cv2.threshold(picture * np.float32(factor), 1.0, 0.0, cv2.THRESH_TRUNC)[1]


def _contrast(picture: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1.0:
        return picture
    pivot = float(GRAY @ cv2.mean(picture)[:3])
    return _clip(cv2.transform(picture, np.column_stack([factor * np.eye(3), np.full(3, (1.0 - factor) * pivot)])))


def _saturation(picture: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1.0:
        return picture
    return _clip(cv2.transform(picture, factor * np.eye(3) + (1.0 - factor) * GRAY[None].repeat(3, axis=0)))


def _hue(picture: np.ndarray, turn: float) -> np.ndarray:
    if turn == 0.0:
        return picture
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    shift = (360.0 * (turn % 1.0), 0.0, 0.0, 0.0)  # OpenCV takes hues beyond a full turn, not below 0
    cv2.add(hsv, shift, dst=hsv)  # type: ignore[call-overload]
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _clip(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture, 0.0, 1.0, out=picture)


def blur_kernel(sigma: float, side: int) -> np.ndarray:
    """Gaussian of 23 taps for a side of 224 (a tenth of the side, odd), without its outer taps below 1e-6."""
    radius = max(1, side // 20)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    return kernel[kernel >= 1e-6].astype(np.float32)


_OPERATIONS = {"brightness": _brightness, "contrast": _contrast, "saturation": _saturation, "hue": _hue}
