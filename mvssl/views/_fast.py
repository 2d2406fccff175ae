"""The fast recipe on uint8 pictures: all colour operations as one affine map, a blur as wide as its sigma needs."""

from __future__ import annotations

import math

import cv2
import numpy as np

from mvssl.views.parameters import COLOUR_ORDERS, Drawn

GRAY = np.array([0.2989, 0.587, 0.114])  # torchvision's weights
_AROUND_GRAY = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3.0)


def apply_fast(frames: np.ndarray, drawn: Drawn, solarise_threshold: float) -> np.ndarray:
    """Flip, colour, blur, solarise, erase: (N, H, W, 3) uint8 -> the same, a new array unless nothing was drawn."""
    colour = colour_matrix(drawn, frames)
    kernel = _kernel(drawn.blur_sigma)
    table = _solarise_table(solarise_threshold) if drawn.solarise else None
    if not drawn.flip and colour is None and kernel is None and table is None and not any(drawn.erase):
        return frames
    out = np.empty(frames.shape, dtype=np.uint8)
    for source, target in zip(frames, out):
        picture = cv2.flip(source, 1) if drawn.flip else source
        if colour is not None:
            picture = cv2.transform(picture, colour)
        if kernel is not None:
            picture = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
        if table is not None:
            picture = cv2.LUT(picture, table)
        target[...] = picture
    erase(out, drawn.erase)
    return out


def colour_matrix(drawn: Drawn, frames: np.ndarray) -> np.ndarray | None:
    """(3, 4) affine map on RGB in [0, 255] that composes brightness, contrast, saturation, hue and grayscale; or None.

    Differences from the exact recipe: no clipping between the operations; hue is a rotation about the gray axis
    instead of a shift in HSV; the pivot of contrast is the mean gray of the whole clip, carried through the operations
    before it, so that all frames share one map.
    """
    matrix, shift = np.eye(3), np.zeros(3)
    for name in COLOUR_ORDERS[drawn.colour_order]:
        factor = getattr(drawn, name)
        if factor == (0.0 if name == "hue" else 1.0):
            continue
        if name == "brightness":
            matrix, shift = factor * matrix, factor * shift
        elif name == "contrast":
            pivot = float(GRAY @ (matrix @ _mean_colour(frames) + shift))
            matrix, shift = factor * matrix, factor * shift + (1.0 - factor) * pivot
        else:
            step = _saturation(factor) if name == "saturation" else _hue(factor)
            matrix, shift = step @ matrix, step @ shift
    if drawn.grayscale:
        step = _saturation(0.0)
        matrix, shift = step @ matrix, step @ shift
    if np.array_equal(matrix, np.eye(3)) and not shift.any():
        return None
    return np.concatenate([matrix, shift[:, None]], axis=1)


def erase(frames: np.ndarray, box: tuple[float, float, float, float]) -> None:
    """Sets the box (in [0, 1] of the picture) of (N, H, W, 3) to zero, in place."""
    height, width = frames.shape[1:3]
    x0, y0, x1, y1 = box
    frames[:, round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = 0


def _mean_colour(frames: np.ndarray) -> np.ndarray:
    return np.mean([cv2.mean(frame)[:3] for frame in frames], axis=0)


def _saturation(factor: float) -> np.ndarray:
    return factor * np.eye(3) + (1.0 - factor) * GRAY[None].repeat(3, axis=0)


def _hue(turn: float) -> np.ndarray:
    """Rotation about the gray axis: the linear map nearest to a shift of HSV's hue, equal to it at thirds of a turn."""
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    return cos * np.eye(3) + (1.0 - cos) / 3.0 + sin * _AROUND_GRAY


def _kernel(sigma: float) -> np.ndarray | None:
    """Gaussian of radius 3 sigma; None where it would be the identity on uint8."""
    if sigma < 0.2:
        return None
    return cv2.getGaussianKernel(2 * math.ceil(3.0 * sigma) + 1, sigma, cv2.CV_32F)


def _solarise_table(threshold: float) -> np.ndarray:
    value = np.arange(256)
    return np.where(value >= threshold * 255, 255 - value, value).astype(np.uint8)
