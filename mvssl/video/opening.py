"""``open_video``: from a path or a row of the index to a decoder."""

from __future__ import annotations

import os

from mvssl.types import Video

from .decoder import Decoder
from .frame_index import FrameIndex, build_index
from .pyav import PyAVReader


def open_video(video: Video | str | os.PathLike, *, backend: str = "auto", index: FrameIndex | None = None) -> Decoder:
    """Open a video for reading: ``with open_video(path) as decoder: decoder.frames_at([0.0, 1.5])``.

    Args:
        video: a path, or a row of the index; of a row with ``start_s`` and ``end_s`` only that range is the video.
        backend: "auto" or "pyav".
        index: the file's frame index, if the caller has it already.
    """
    row = video if isinstance(video, Video) else Video(os.fspath(video), os.fspath(video), start_s=-float("inf"))
    index = build_index(row.path) if index is None else index
    return Decoder(row, index, PyAVReader(index))
