"""Motion from the compressed stream: the encoder's own motion vectors, as a field of velocities. Costs no optical flow.

The vectors serve compression, not truth: flat regions wander, and FFmpeg tells only whether a block came from the past
or the future, not from which picture. The distance is taken to the nearest picture on that side that can be a reference.
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
_NEVER = -(2**62)
_WINDOW = 32  # packets: no codec keeps more references


def reference_packets(index: FrameIndex) -> tuple[np.ndarray, np.ndarray]:
    """Packets that others are predicted from, as far as the order tells, ascending, and their times in ticks.

    Those shown after everything decoded before them (I and P), and those decoded before something that is shown earlier
    (B-frames that serve as references): nothing else would be decoded out of turn.
    """
    pts = np.full(len(index.pts), _NEVER)
    pts[index.shown] = index.shown_pts
    before = np.concatenate([[_NEVER], np.maximum.accumulate(pts)[:-1]])
    shown_only = np.where(pts == _NEVER, -_NEVER, pts)
    later = np.concatenate([np.minimum.accumulate(shown_only[::-1])[::-1][1:], [-_NEVER]])
    packets = np.flatnonzero((pts != _NEVER) & ((pts > before) | (later < pts)))
    return packets, pts[packets]


def distances_s(index: FrameIndex, number: int, packets: np.ndarray, pts: np.ndarray) -> tuple[float, float]:
    """Seconds from the nearest earlier reference, and to the nearest later one, of those decoded before; 0 = none."""
    decoded = int(np.searchsorted(packets, index.shown[number]))
    near = pts[max(decoded - _WINDOW, 0) : decoded] - index.shown_pts[number]
    past, future = near[near < 0], near[near > 0]
    past_s = float(-past.max() * index.tick_s) if len(past) else 0.0
    return past_s, float(future.min() * index.tick_s) if len(future) else 0.0


def velocity_field(frame: av.VideoFrame, past_s: float, future_s: float) -> np.ndarray:
    """(H / 4, W / 4, 2) float32: (dx, dy) of the content in coded pixels per second; zero where nothing is known.

    Args:
        frame: decoded with motion vectors exported.
        past_s: time since the picture that vectors from the past refer to.
        future_s: time to the picture that vectors from the future refer to.
    """
    field = np.zeros((-(-frame.height // GRID), -(-frame.width // GRID), 2), np.float32)
    data = frame.side_data.get("MOTION_VECTORS")
    if data is None:
        return field
    vectors = data.to_ndarray()
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
    """Velocity fields of frames.

    Attributes:
        reader: decodes frames that carry their motion vectors beside the same pictures as any other reader's.
    """

    def __init__(self, index: FrameIndex):
        if index.container == "pictures":
            raise VideoError(f"{index.path}: pictures carry no motion vectors", path=index.path, kind="backend")
        self._index = index
        self.reader = PyAVReader(index, motion=True)
        self._references = reference_packets(index)

    def field(self, number: int, frame: av.VideoFrame, crop: Crop | None, size: Size | None) -> np.ndarray:
        """(2, H, W) float32 of a frame of the reader: upright, cropped and resized like the picture."""
        index = self._index
        field = velocity_field(frame, *distances_s(index, number, *self._references))
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
        self.reader.close()
