"""Frames by decord, for the files where it gives the right ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mvssl.errors import VideoError

from ._picture import Crop, Size, cut
from .frame_index import FrameIndex
from .pyav import Decoded

_SHOWN_RIGHT = ("mp4", "matroska", "flv", "avi")
_CHUNK = 32  # frames decoded per call: bounds the memory


def probe() -> str:
    """Empty if decord can be used here, else why not."""
    try:
        import decord  # noqa: F401
    except ImportError:
        return "not installed: pip install decord (wheels for Linux x86_64 only)"
    except (RuntimeError, OSError) as error:
        return f"cannot be loaded: {error}"
    return ""


def refuses(index: FrameIndex) -> str:
    """Why this file is not read with decord; empty if it may be."""
    if "mpeg" in index.container:
        return "decord gives wrong frames of MPEG transport and program streams without a word"
    if not any(name in index.container for name in _SHOWN_RIGHT):
        return f"decord is not shown to give the right frames of {index.container}; of WMV it does not"
    if index.learned_order:
        return "decord gives wrong frames of an AVI with B-frames without a word"
    if index.has_edit_list:
        return "decord ignores edit lists and gives wrong frames without a word"
    if index.has_open_gop:
        return "decord gives wrong frames of open groups of pictures without a word"
    if index.num_video_streams > 1:
        return "decord chooses among several video streams by itself"
    if index.mirrored:
        return "decord does not mirror pictures"
    if index.codec in ("libdav1d", "av1", "libaom-av1"):
        return f"decord cannot decode {index.codec}"
    return ""


class DecordReader:
    """Same face as ``PyAVReader``; every frame's time is compared with the index."""

    def __init__(self, index: FrameIndex):
        import decord

        self.index = index
        self.doubted: set[int] = set()
        try:
            self._reader: Any = decord.VideoReader(index.path, ctx=decord.cpu(0), num_threads=1)
        except (decord.DECORDError, RuntimeError) as error:
            raise self._error(str(error).strip().splitlines()[0]) from error
        if len(self._reader) != len(index.shown):
            raise self._error(f"finds {len(self._reader)} frames where the file has {len(index.shown)}")
        times = index.time_s(index.shown_pts - index.shown_pts[0])
        starts = self._reader.get_frame_timestamp(np.arange(len(times)))[:, 0]
        off = np.abs(starts - starts[0] - times) > 1e-3
        if off.any():
            raise self._error(
                f"gives other times: {starts[off][0]:.6f} s for {times[off][0]:.6f} s after the first frame"
            )

    def decode(self, wanted: Sequence[int] | np.ndarray) -> Iterator[Decoded]:
        """Frames with the given numbers (ascending, distinct)."""
        import decord

        wanted = np.asarray(wanted)
        for start in range(0, len(wanted), _CHUNK):
            numbers = wanted[start : start + _CHUNK]
            try:
                batch = self._reader.get_batch(numbers.tolist()).asnumpy()
            except (decord.DECORDError, RuntimeError) as error:
                time_s = float(self.index.time_s(int(self.index.shown_pts[numbers[0]])))
                raise self._error(str(error).strip().splitlines()[0], time_s) from error
            for number, frame in zip(numbers.tolist(), batch):
                yield Decoded(number, frame, bool(self.index.doubt[self.index.shown[number]]))

    def picture(self, frame: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright RGB (H, W, 3)."""
        return cut(frame, crop, size)

    def _error(self, what: str, time_s: float | None = None) -> VideoError:
        at = "" if time_s is None else f" at {time_s:.6f} s"
        message = f"{self.index.path}{at}: decord {what}; open it with backend='pyav'"
        return VideoError(message, path=self.index.path, kind="backend", time_s=time_s)

    def close(self) -> None:
        self._reader = None
