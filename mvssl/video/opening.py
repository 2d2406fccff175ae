"""``open_video``: from a path or a row of the index to a decoder."""

from __future__ import annotations

import os
import warnings
from typing import Literal

from mvssl.errors import InputWarning, VideoError
from mvssl.types import Video

from . import cache
from .backends import reader_for
from .decoder import Decoder
from .frame_index import FrameIndex
from .picture_folder import DEFAULT_FPS, folder_index


def open_video(
    video: Video | str | os.PathLike,
    *,
    backend: str = "auto",
    index: FrameIndex | None = None,
    damaged: Literal["error", "flag"] = "error",
    timeout_s: float | None = None,
) -> Decoder:
    """Open a video for reading: ``with open_video(path) as decoder: decoder.frames_at([0.0, 1.5])``.

    Args:
        video: a file, a folder of numbered pictures, or a row of the index. Of a row with ``start_s`` and ``end_s`` only
            that range is the video. Pictures are shown at the row's ``fps`` (30 where it states none).
        backend: "auto" (PyAV), or "pyav", "torchcodec", "decord" by name; see ``backends()``.
        index: the file's frame index, if the caller has it; else it is taken from the cache or scanned.
        damaged: "error" raises at a damaged frame; "flag" returns what there is and marks it in ``Clip.damaged``.
        timeout_s: longest time that opening, and each ``read``, may take.

    Raises:
        VideoError: with the file, the rule it breaks and what to do; see its kinds.

    Warns:
        InputWarning: of what is odd in a file, though nothing says that a picture is wrong (``FrameIndex.remarks``).
    """
    decoder = open_quietly(video, backend=backend, index=index, damaged=damaged, timeout_s=timeout_s)
    for kind, message in decoder.index.remarks:
        if kind == "times_from_names":  # as it should be; the scan tells
            continue
        warnings.warn(f"{decoder.index.path}: {message}", InputWarning, stacklevel=2)
    return decoder


def open_quietly(
    video: Video | str | os.PathLike,
    *,
    backend: str = "auto",
    index: FrameIndex | None = None,
    damaged: Literal["error", "flag"] = "error",
    timeout_s: float | None = None,
) -> Decoder:
    """``open_video`` without its warnings, for those who report ``FrameIndex.remarks`` themselves."""
    path = os.fspath(video.path if isinstance(video, Video) else video)
    if "://" in path:
        raise VideoError(
            f"{path}: only local files are read; copy or mount the storage (for example: aws s3 cp, rclone mount, "
            "huggingface-cli download) and name the file there",
            path=path,
            kind="missing",
        )
    row = video if isinstance(video, Video) else Video(path, path)
    if os.path.isdir(path):
        found = folder_index(path, row.fps or DEFAULT_FPS) if index is None else index
    else:
        found = cache.require(index, path, timeout_s=timeout_s)
    options = {"timeout_s": timeout_s}
    return Decoder(row, found, lambda: reader_for(found, backend, **options), damaged=damaged)
