"""A folder of numbered pictures (``video/000001.jpg``) as a video of constant rate, or of the times that are their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from mvssl.errors import VideoError

from ._picture import Crop, Size, cut
from ._picture_names import Order, order_of
from .frame_index import FrameIndex
from .pyav import Decoded

PICTURES = frozenset([".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"])
DEFAULT_FPS = 30.0
_CLOCK = 90_000
_NAMES_CLOCK = 1_000_000


def picture_order(folder: str) -> Order:
    """The folder's pictures in the order in which they are shown."""
    return order_of([name for name in os.listdir(folder) if os.path.splitext(name)[1].lower() in PICTURES])


def folder_index(folder: str, fps: float) -> FrameIndex:
    """Frame k is shown at k / fps, or at the time that its name is. The size is that of the first picture.

    Raises:
        VideoError: no pictures, two of one time, or one that cannot be read.
    """
    names, time_s, remarks = picture_order(folder)
    if not names:
        raise VideoError(f"{folder}: holds no pictures ({', '.join(sorted(PICTURES))})", path=folder, kind="not_video")
    height, width = read_picture(folder, names[0], 0.0).shape[:2]
    numbers = np.arange(len(names))
    clock = _CLOCK if time_s is None else _NAMES_CLOCK
    if time_s is None:
        pts = np.round(np.arange(len(names) + 1) * (clock / fps)).astype(np.int64)
    else:
        pts = np.round(time_s * clock).astype(np.int64)
        pts = np.append(pts, pts[-1] + max(int(np.median(np.diff(pts))), 1))
    if (np.diff(pts) <= 0).any():
        at = int(np.argmax(np.diff(pts) <= 0))
        raise VideoError(
            f"{folder}: {names[at]} and {names[at + 1]} are of one time", path=folder, kind="duplicate_times"
        )
    return FrameIndex(
        path=folder, container="pictures", codec=os.path.splitext(names[0])[1][1:].lower(), time_base=(1, clock),
        pts=pts[:-1], dts=pts[:-1], key=np.ones(len(names), bool), shown=numbers, shown_pts=pts[:-1],
        end_pts=int(pts[-1]), width=width, height=height, quarter_turns=0, mirrored=False, skew_degrees=0.0,
        has_audio=False, has_edit_list=False, learned_order=False, stream=0, num_video_streams=1,
        crc=np.zeros(0, np.uint32), doubt=np.zeros(len(names), bool), remarks=remarks,
    )  # fmt: skip


def read_picture(folder: str, name: str, time_s: float) -> np.ndarray:
    """RGB (H, W, 3)."""
    path = os.path.join(folder, name)
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise VideoError(f"{path}: the picture cannot be read", path=path, kind="corrupt", time_s=time_s)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class PictureFolderReader:
    """Same face as ``PyAVReader``."""

    def __init__(self, index: FrameIndex):
        self.index = index
        self.doubted: set[int] = set()
        self._names = picture_order(index.path).names

    def decode(self, wanted: Sequence[int] | np.ndarray) -> Iterator[Decoded]:
        """Frames with the given numbers (ascending, distinct)."""
        for number in np.asarray(wanted).tolist():
            time_s = float(self.index.time_s(int(self.index.shown_pts[number])))
            picture = read_picture(self.index.path, self._names[number], time_s)
            if picture.shape[:2] != (self.index.height, self.index.width):
                raise VideoError(
                    f"{os.path.join(self.index.path, self._names[number])}: {picture.shape[1]} x {picture.shape[0]}, "
                    f"but the first picture is {self.index.width} x {self.index.height}",
                    path=self.index.path,
                    kind="size_change",
                    time_s=time_s,
                )
            yield Decoded(number, picture, False)

    def picture(self, frame: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright RGB (H, W, 3)."""
        return cut(frame, crop, size)

    def close(self) -> None:
        self._names = []
