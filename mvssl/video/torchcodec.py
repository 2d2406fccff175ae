"""Frames by torchcodec, exact mode only, for the files where it gives the right ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mvssl.errors import VideoError

from ._picture import Crop, Size, cut
from .frame_index import FrameIndex
from .pyav import Decoded

_CHUNK = 32  # frames decoded per call: bounds the memory


def probe() -> str:
    """Empty if torchcodec can be used here, else why not. Importing the top package says nothing: FFmpeg is found later."""
    try:
        from torchcodec.decoders import VideoDecoder  # noqa: F401
    except ImportError:
        return "not installed: pip install torchcodec"
    except (RuntimeError, OSError) as error:
        return f"finds no FFmpeg libraries (apt install ffmpeg): {str(error).strip().splitlines()[0]}"
    return ""


def refuses(index: FrameIndex) -> str:
    """Why this file is not read with torchcodec; empty if it may be."""
    if "mpeg" in index.container:
        return "torchcodec gives wrong frames, or none, of MPEG transport and program streams"
    if index.learned_order:
        return "torchcodec goes by times that are not in the order of the pictures"
    return ""


class TorchcodecReader:
    """Same face as ``PyAVReader``; every frame's time is compared with the index."""

    def __init__(self, index: FrameIndex):
        from torchcodec.decoders import VideoDecoder

        self.index = index
        self.doubted: set[int] = set()
        try:
            self._decoder: Any = VideoDecoder(
                index.path, stream_index=index.stream, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact"
            )
        except (RuntimeError, ValueError) as error:
            raise self._error(str(error)) from error
        if len(self._decoder) != len(index.shown):
            raise self._error(f"finds {len(self._decoder)} frames where the file has {len(index.shown)}")

    def decode(self, wanted: Sequence[int] | np.ndarray) -> Iterator[Decoded]:
        """Frames with the given numbers (ascending, distinct)."""
        wanted = np.asarray(wanted)
        for start in range(0, len(wanted), _CHUNK):
            numbers = wanted[start : start + _CHUNK]
            try:
                batch = self._decoder.get_frames_at(numbers.tolist())
            except (RuntimeError, IndexError) as error:
                raise self._error(
                    str(error), float(self.index.time_s(int(self.index.shown_pts[numbers[0]])))
                ) from error
            times = self.index.time_s(self.index.shown_pts[numbers])
            off = np.abs(batch.pts_seconds.numpy() - times) > self.index.tick_s
            if off.any():
                at = int(np.argmax(off))
                raise self._error(f"gives the frame of {float(batch.pts_seconds[at]):.6f} s for", float(times[at]))
            for number, frame in zip(numbers.tolist(), batch.data.numpy()):
                yield Decoded(number, frame, bool(self.index.doubt[self.index.shown[number]]))

    def picture(self, frame: np.ndarray, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright RGB (H, W, 3)."""
        return cut(frame, crop, size)

    def _error(self, what: str, time_s: float | None = None) -> VideoError:
        at = "" if time_s is None else f" at {time_s:.6f} s"
        message = f"{self.index.path}{at}: torchcodec {what}; open it with backend='pyav'"
        return VideoError(message, path=self.index.path, kind="backend", time_s=time_s)

    def close(self) -> None:
        self._decoder = None
