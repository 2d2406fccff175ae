"""Any array with one entry per frame that is stored beside the video: depth, pose, precomputed flow, features."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from torch import Tensor

from mvssl.errors import InputError
from mvssl.types import ClipRequest, Video
from mvssl.views.modalities._frames import mirror_vectors
from mvssl.views.modalities.flow import scale_vectors
from mvssl.views.modality import Modality, ReadAudio, Transform
from mvssl.views.parameters import Drawn


class ArrayModality(Modality):
    """``walk.mp4`` has its array in ``walk.<file>.npz``: ``time_s`` (N,) rising, and ``values``. At each instant the
    entry whose time is nearest is taken; it must lie within ``tolerance_s``. Crop and flip of the view are applied:

    - image: values (N, C, h, w), resized linearly; depth for example.
    - vectors: values (N, 2, h, w) in pixels of the stored picture per second; scaled with the picture, dx negated by a
      flip. For the network as ``flow``.
    - points: values (N, J, 2), x and y in [0, 1] of the upright picture; moved into the crop. Left and right names of
      joints are not exchanged by a flip.
    - values: values (N, F), as they are.

    Args:
        file: the middle part of the file's name.
        kind: image, vectors, points or values.
        channels: C of images; number of features F of values, or 2 J of points.
        tolerance_s: how far the nearest entry may be.
        bound: with vectors, the speed that becomes 0 or 1, in sides of the view per second.
    """

    decodes = False

    def __init__(
        self,
        *,
        file: str = "depth",
        kind: Literal["image", "vectors", "points", "values"] = "image",
        channels: int = 1,
        tolerance_s: float = 0.05,
        bound: float = 2.0,
    ):
        self.file, self.kind, self.tolerance_s, self.bound = file, kind, tolerance_s, bound
        self.channels = 2 if kind == "vectors" else channels
        self.shows_pictures = kind in ("image", "vectors")
        self.key = ("array", file, kind)

    def load(
        self, video: Video, request: ClipRequest, transform: Transform, drawn: Drawn, read_audio: ReadAudio
    ) -> np.ndarray | None:
        """(T, 1, C, size, size) float32 of images and vectors, (T, F) of points and values."""
        values, where = self._nearest(video.path, request.time_s)
        size = transform.size
        if self.kind == "values":
            return values.reshape(len(values), -1)
        if self.kind == "points":
            x0, y0, x1, y1 = drawn.box
            points = (values - np.array([x0, y0], np.float32)) / np.array([x1 - x0, y1 - y0], np.float32)
            if drawn.flip:
                points[..., 0] = 1.0 - points[..., 0]
            return points.reshape(len(points), -1)
        if values.ndim != 4 or values.shape[1] != self.channels:
            raise InputError(
                f"{where}: values of kind {self.kind} must be (N, {self.channels}, h, w), not {values.shape}"
            )
        pictures = np.stack([_crop_resize(picture, drawn.box, size) for picture in values])
        if self.kind == "vectors":
            x0, y0, x1, y1 = drawn.box
            scale = (size / (values.shape[3] * (x1 - x0)), size / (values.shape[2] * (y1 - y0)))
            pictures *= np.array(scale, np.float32)[:, None, None]
            return (mirror_vectors(pictures) if drawn.flip else pictures)[:, None]
        return np.ascontiguousarray(pictures[..., ::-1] if drawn.flip else pictures)[:, None]

    def floats(self, pixels: Tensor) -> Tensor:
        return scale_vectors(pixels, self.bound) if self.kind == "vectors" else pixels.float()

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        picture = (num_frames, 1, self.channels, size, size)
        return np.zeros(picture if self.shows_pictures else (num_frames, self.channels), dtype=np.float32)

    def _nearest(self, path: str, time_s: np.ndarray) -> tuple[np.ndarray, str]:
        where = str(Path(path).with_suffix(f".{self.file}.npz"))
        if not Path(where).is_file():
            raise InputError(f"modality array: {where} is missing; it holds time_s (N,) and values (N, ...) of {path}")
        with np.load(where) as stored:
            known_s, values = stored["time_s"], stored["values"]
        right = np.clip(np.searchsorted(known_s, time_s), 1, max(1, len(known_s) - 1))
        left = right - 1
        right = np.minimum(right, len(known_s) - 1)
        nearest = np.where(np.abs(known_s[left] - time_s) <= np.abs(known_s[right] - time_s), left, right)
        gap_s = np.abs(known_s[nearest] - time_s)
        if gap_s.max() > self.tolerance_s:
            raise InputError(
                f"{where}: nothing within {self.tolerance_s} s of {time_s[gap_s.argmax()]:.3f} s (nearest: "
                f"{gap_s.max():.3f} s away); complete the file, or set tolerance_s"
            )
        return values[nearest].astype(np.float32), where


def _crop_resize(picture: np.ndarray, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    """(C, h, w) -> (C, size, size): the box, linearly interpolated, pixel edges on the box's edges."""
    height, width = picture.shape[1:]
    x0, y0, x1, y1 = box
    step_x, step_y = (x1 - x0) * width / size, (y1 - y0) * height / size
    x = (x0 * width + (np.arange(size) + 0.5) * step_x - 0.5).astype(np.float32)
    y = (y0 * height + (np.arange(size) + 0.5) * step_y - 0.5).astype(np.float32)
    grid = np.meshgrid(x, y)
    planes = [
        cv2.remap(plane, grid[0], grid[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for plane in picture
    ]
    return np.stack(planes)
