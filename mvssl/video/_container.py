"""Opening a container with FFmpeg, its errors in the words of the project, and what one decoded frame tells of a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from mvssl.errors import VideoError

from .white_list import MAX_PIXELS, open_file

PICTURE_CODECS = frozenset(["mjpeg", "png", "bmp", "webp", "tiff", "jpeg2000", "jpegxl"])
STRICT = {
    "err_detect": "crccheck+explode",
    "max_pixels": str(MAX_PIXELS),
}  # decoders report damage that they would else paint over


def open_container(path: str, *, timeout_s: float | None = None) -> av.container.InputContainer:
    """Raises VideoError: missing, empty, not_video, no_video_stream, timeout."""
    if not os.path.exists(path):
        raise VideoError(f"{path}: no such file", path=path, kind="missing")
    if os.path.isdir(path):
        raise VideoError(f"{path}: is a folder, not a video file", path=path, kind="not_video")
    if not os.path.isfile(path):
        raise VideoError(f"{path}: is a pipe, a socket or a device, not a file", path=path, kind="not_video")
    if os.path.getsize(path) == 0:
        raise VideoError(f"{path}: the file is empty", path=path, kind="empty")
    try:
        container = open_file(path, timeout_s=timeout_s)
    except av.ExitError as error:
        raise VideoError(f"{path}: opening took longer than {timeout_s} s", path=path, kind="timeout") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = str(error).replace(f"file:{path}", path)
        if isinstance(error, av.ArgumentError):
            reason = "a list of files, or another kind that is not on the list of containers that are read"
        raise VideoError(f"{path}: not a video that FFmpeg can open ({reason})", path=path, kind="not_video") from error
    if all(_is_attached(stream) for stream in container.streams.video):
        cover = " (only an attached picture: a cover or thumbnail)" if container.streams.video else ""
        container.close()
        raise VideoError(f"{path}: holds no video stream{cover}", path=path, kind="no_video_stream")
    first = video_stream(container)
    if first.codec_context is None:
        container.close()
        raise VideoError(
            f"{path}: the video stream is of a codec that FFmpeg does not know", path=path, kind="unreadable"
        )
    if (num_pixels := first.width * first.height) > MAX_PIXELS:
        container.close()
        raise VideoError(
            f"{path}: pictures of {first.width} x {first.height} are {num_pixels / 1e6:.0f} million pixels, more than the "
            f"{MAX_PIXELS / 1e6:.0f} that are read; make it smaller (ffmpeg -i IN -vf scale=3840:-2 OUT.mp4)",
            path=path,
            kind="unreadable",
        )
    return container


def video_stream(container) -> Any:
    """The stream that is the video: the first that is no cover or thumbnail, attached or a track of a single picture."""
    streams = [stream for stream in container.streams.video if not _is_attached(stream)]
    films = [stream for stream in streams if not _is_single_picture(stream)]
    return (films or streams)[0]


def _is_attached(stream) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _is_single_picture(stream) -> bool:
    """As far as the header tells: a picture's codec, and one frame or next to no duration."""
    context = stream.codec_context
    if context is None or context.name not in PICTURE_CODECS:
        return False
    alone = stream.frames == 1 or (stream.frames == 0 and len(stream.index_entries) == 1)
    return alone or bool(stream.disposition & Disposition.still_image)


@contextmanager
def opened(path: str, *, timeout_s: float | None = None) -> Iterator[av.container.InputContainer]:
    """``open_container``, closed at the end."""
    container = open_container(path, timeout_s=timeout_s)
    try:
        yield container
    finally:
        container.close()


def other_streams_off(container, stream) -> None:
    """Let the demuxer drop the packets of all streams but one."""
    stream.codec_context.thread_count = 1
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all


def packets_of(path: str, container, stream) -> Iterator[av.Packet]:
    """The packets of a stream from where the container stands.

    Raises:
        VideoError: a stream begins in the middle of the file; PyAV knows only those that were there at the start.
    """
    try:
        yield from container.demux(stream)
    except IndexError as error:
        raise VideoError(
            f"{path}: another stream begins in the middle of the file, or it is damaged; copy the video out "
            "(ffmpeg -i IN -map 0:v -c copy OUT.mkv)",
            path=path,
            kind="corrupt",
        ) from error


def seek_targets(container_name: str, pts: int, dts: int) -> tuple[int, int]:
    """Timestamps to try, best first: transport and program streams seek by decoding time, the others by presentation time."""
    return (dts, pts) if "mpeg" in container_name else (pts, dts)


def first_picture(path: str, container, stream, pts, dts, key) -> av.VideoFrame:
    """The first frame that decodes, starting at the first key frame of ``key``, or at one of the next four."""
    error: Exception | None = None
    for position in np.flatnonzero(key)[:5]:
        for target in seek_targets(container.format.name, int(pts[position]), int(dts[position])):
            try:
                container.seek(target, stream=stream)
                for packet in packets_of(path, container, stream):
                    for frame in packet.decode():
                        return frame
            except av.FFmpegError as failed:
                error = failed
    raise VideoError(f"{path}: no picture can be decoded ({error})", path=path, kind="corrupt") from error


def turn_of(frame: av.VideoFrame) -> tuple[int, bool, float]:
    """Quarter turns (counter-clockwise), mirroring, and the degrees beyond, that the display matrix of a frame asks for.

    A mirrored picture is to be flipped left-right first, then turned.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 0, False, 0.0
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), dtype="<i4")
    mirrored = float(a) * float(d) - float(b) * float(c) < 0
    if mirrored:
        a, b = -a, -b
    angle = -float(np.degrees(np.arctan2(float(b), float(a))))
    turns = round(angle / 90)
    return turns % 4, bool(mirrored), angle - 90 * turns
