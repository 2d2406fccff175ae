"""From a decoded frame to an upright RGB picture of the wanted crop and size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from mvssl.errors import InputError

Crop = tuple[float, float, float, float]  # x0, y0, x1, y1 in [0, 1] of the upright picture
Size = tuple[int, int]  # height, width


def pixel_box(crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    """A crop in whole pixels (rounded, at least one)."""
    x0, y0, x1, y1 = crop
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise InputError(f"crop {crop}: must be x0 < x1 and y0 < y1, all in [0, 1] of the upright picture")
    left, top = min(round(x0 * width), width - 1), min(round(y0 * height), height - 1)
    return left, top, max(round(x1 * width), left + 1), max(round(y1 * height), top + 1)


def cut(rgb: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
    """Crop and resize an upright RGB array (H, W, 3): area averaging down, bilinear up."""
    if crop is not None:
        x0, y0, x1, y1 = pixel_box(crop, rgb.shape[1], rgb.shape[0])
        rgb = rgb[y0:y1, x0:x1]
    if size is None or size == rgb.shape[:2]:
        return rgb
    shrinks = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
    return cv2.resize(
        np.ascontiguousarray(rgb), (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


class FrameConverter:
    """Converts the frames of one stream; keeps what FFmpeg has set up, so that only the first frame of a kind is slow.

    Without a size the result is FFmpeg's own RGB, bit for bit. With one, the frame is cropped and scaled before it
    becomes RGB (area averaging), so only the small picture is ever converted and copied.
    """

    def __init__(self, quarter_turns: int, mirrored: bool):
        self._turns, self._mirrored = quarter_turns, mirrored
        self._whole = VideoReformatter()
        self._graphs: dict[tuple, _CropScale] = {}

    def __call__(self, frame: av.VideoFrame, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright uint8 (H, W, 3); may be a view of memory that the frame owns."""
        if size is None:
            upright = self._upright(_rgb(self._whole.reformat(frame, format="rgb24", threads=1)))
            return cut(upright, crop, size)
        inner = size if self._turns % 2 == 0 else (size[1], size[0])
        box = pixel_box(self._coded(crop or (0.0, 0.0, 1.0, 1.0)), frame.width, frame.height)
        return self._upright(_rgb(self._graph(frame, box, inner)(frame)))

    def _graph(self, frame: av.VideoFrame, box: tuple[int, int, int, int], size: Size) -> _CropScale:
        key = (box, size, frame.format.name)
        if key not in self._graphs:
            if len(self._graphs) >= 8:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[key] = _CropScale(frame, box, size)
        return self._graphs[key]

    def _upright(self, picture: np.ndarray) -> np.ndarray:
        if self._mirrored:
            picture = picture[:, ::-1]
        return np.rot90(picture, self._turns) if self._turns else picture

    def _coded(self, crop: Crop) -> Crop:
        """A crop of the upright picture, as a crop of the picture as it is coded."""
        x0, y0, x1, y1 = crop
        for _ in range(self._turns):  # each turn counter-clockwise took (x, y) to (y, 1 - x)
            x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
        return (1 - x1, y0, 1 - x0, y1) if self._mirrored else (x0, y0, x1, y1)


class _CropScale:
    """FFmpeg's crop and scale filters in one graph: the crop costs nothing, the scaler sees only the crop."""

    def __init__(self, frame: av.VideoFrame, box: tuple[int, int, int, int], size: Size):
        x0, y0, x1, y1 = box
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
        )
        steps = [
            graph.add("crop", f"{x1 - x0}:{y1 - y0}:{x0}:{y0}:exact=1"),
            graph.add("scale", f"{size[1]}:{size[0]}:flags=area"),
            graph.add("format", "rgb24"),
            graph.add("buffersink"),
        ]
        for before, after in zip([source, *steps], steps):
            before.link_to(after)
        graph.configure()
        self._graph = graph

    def __call__(self, frame: av.VideoFrame) -> Any:
        self._graph.push(frame)
        return self._graph.pull()


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    plane: Any = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * 3].reshape(plane.height, plane.width, 3)
