"""Motion from the compressed stream: the encoder's own motion vectors, as a field of velocities. Costs no optical flow.

The vectors serve compression, not truth: flat regions wander, and FFmpeg tells only whether a block came from the past
or the future, not from which picture. The distance is taken to the nearest picture on that side that is no B-frame.
"""

from __future__ import annotations

import av
import cv2
import numpy as np

from mvssl.errors import VideoError

from ._picture import Crop, Size, pixel_box
from .frame_index import FrameIndex
from .pyav import PyAVReader

GRID = 4  # pixels: the smallest block that a codec moves


def anchors(index: FrameIndex) -> np.ndarray:
    """(A,) ascending times, ticks, of the frames shown later than everything decoded before them: I and P pictures."""
    pts = np.full(len(index.pts), np.iinfo(np.int64).min)
    pts[index.shown] = index.shown_pts
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(pts)[:-1]])
    return np.sort(pts[pts > before])


def velocity_field(frame: av.VideoFrame, pts: int, anchor_pts: np.ndarray, tick_s: float) -> np.ndarray:
    """(H / 4, W / 4, 2) float32: (dx, dy) of the content in coded pixels per second; zero where nothing is known.

    Args:
        frame: decoded with motion vectors exported.
        pts: its time, ticks.
        anchor_pts: from ``anchors``.
    """
    field = np.zeros((-(-frame.height // GRID), -(-frame.width // GRID), 2), np.float32)
    data = frame.side_data.get("MOTION_VECTORS")
    if data is None:
        return field
    vectors = data.to_ndarray()
    at = int(np.searchsorted(anchor_pts, pts))
    past_s = (pts - anchor_pts[at - 1]) * tick_s if at else 0.0
    after = at + (at < len(anchor_pts) and anchor_pts[at] == pts)
    future_s = (anchor_pts[after] - pts) * tick_s if after < len(anchor_pts) else 0.0
    for past, elapsed_s in ((False, -future_s), (True, past_s)):  # the past is written last: it wins
        part = vectors[(vectors["source"] < 0) == past]
        if len(part) and elapsed_s:
            scale = np.maximum(part["motion_scale"], 1) * elapsed_s
            velocity = -np.stack([part["motion_x"] / scale, part["motion_y"] / scale], axis=1).astype(np.float32)
            _fill(field, part, velocity)
    return field


def _fill(field: np.ndarray, vectors: np.ndarray, velocity: np.ndarray) -> None:
    """Give each vector's block its velocity; ``dst`` is the middle of the block."""
    rows, columns = field.shape[:2]
    sizes = vectors["w"].astype(np.int64) * 256 + vectors["h"]
    for size in np.unique(sizes):
        same = sizes == size
        width, height = size // 256, size % 256
        left = (vectors["dst_x"][same].astype(np.int64) - width // 2) // GRID
        top = (vectors["dst_y"][same].astype(np.int64) - height // 2) // GRID
        for dy in range(max(height // GRID, 1)):
            for dx in range(max(width // GRID, 1)):
                y, x = top + dy, left + dx
                inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
                field[y[inside], x[inside]] = velocity[same][inside]


class MotionReader:
    """Velocity fields of wanted frames, with a decoder of its own that exports the motion vectors."""

    def __init__(self, index: FrameIndex):
        if index.container == "pictures":
            raise VideoError(f"{index.path}: pictures carry no motion vectors", path=index.path, kind="backend")
        self._index = index
        self._reader = PyAVReader(index, motion=True)
        self._anchors = anchors(index)

    def read(self, numbers: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
        """(T, K) numbers of frames -> (T, K, 2, H, W) float32, upright, cropped and resized like the pictures."""
        index = self._index
        fields = {}
        for number, frame, damaged in self._reader.decode(np.unique(numbers)):
            pts = int(index.shown_pts[number])
            if damaged or frame is None:
                time_s = float(index.time_s(pts))
                raise VideoError(
                    f"{index.path}: damaged at {time_s:.6f} s", path=index.path, kind="corrupt", time_s=time_s
                )
            fields[number] = self._output(velocity_field(frame, pts, self._anchors, index.tick_s), crop, size)
        return np.stack([[fields[n] for n in row] for row in numbers.tolist()])

    def _output(self, field: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
        index = self._index
        field = field.repeat(GRID, 0).repeat(GRID, 1)[: index.height, : index.width]
        if index.mirrored:
            field = field[:, ::-1] * np.array([-1, 1], np.float32)
        for _ in range(index.quarter_turns):  # a turn counter-clockwise takes (dx, dy) to (dy, -dx)
            field = np.rot90(field)[..., ::-1] * np.array([1, -1], np.float32)
        box = pixel_box(crop or (0.0, 0.0, 1.0, 1.0), field.shape[1], field.shape[0])
        field = np.ascontiguousarray(field[box[1] : box[3], box[0] : box[2]])
        if size is not None:
            scale = np.array([size[1] / field.shape[1], size[0] / field.shape[0]], np.float32)
            field = cv2.resize(field, (size[1], size[0]), interpolation=cv2.INTER_AREA) * scale
        return np.ascontiguousarray(field.transpose(2, 0, 1))

    def close(self) -> None:
        self._reader.close()
