"""FFmpeg's errors in the words of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av

from mvssl.errors import VideoError


@contextmanager
def opened(path: str) -> Iterator[av.container.InputContainer]:
    """A container with at least one video stream, closed at the end.

    Raises:
        VideoError: missing, empty, not_video, no_video_stream.
    """
    container = open_container(path)
    try:
        yield container
    finally:
        container.close()


def open_container(path: str) -> av.container.InputContainer:
    if not os.path.exists(path):
        raise VideoError(f"{path}: no such file", path=path, kind="missing")
    if os.path.isdir(path):
        raise VideoError(f"{path}: is a folder, not a video file", path=path, kind="not_video")
    if os.path.getsize(path) == 0:
        raise VideoError(f"{path}: the file is empty", path=path, kind="empty")
    try:
        container = av.open(path)
    except (av.FFmpegError, OSError, UnicodeError) as error:
        raise VideoError(f"{path}: not a video that FFmpeg can open ({error})", path=path, kind="not_video") from error
    if not container.streams.video:
        container.close()
        raise VideoError(f"{path}: holds no video stream", path=path, kind="no_video_stream")
    return container
