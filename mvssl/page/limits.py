"""How much work a video may make, found out before any of it is decoded: a small file can hold enormous pictures."""

from __future__ import annotations

import os

import av

from mvssl.errors import InputError
from mvssl.types import Video
from mvssl.video import Decoder, open_video
from mvssl.video.white_list import open_file

MAX_PIXELS = 4096 * 2304  # of one picture
MAX_DURATION_S = 2 * 3600.0
MAX_WORK = 1.5e11  # pixels of all frames together: 40 minutes of 1920 x 1080 at 30 a second
MAX_OPENING_S = 60.0


def check_picture(video: Video) -> None:
    """Refuses pictures of more than ``MAX_PIXELS``, by what the file's header says.

    Raises:
        InputError: they are larger, or the file cannot be opened.
    """
    if os.path.isdir(video.path):
        return
    try:
        with open_file(video.path, timeout_s=MAX_OPENING_S) as container:
            sizes = [(stream.width, stream.height) for stream in container.streams.video]
    except (av.FFmpegError, OSError, ValueError):
        raise InputError(f"{video.id}: not a video that can be opened") from None
    for width, height in sizes:
        if width * height > MAX_PIXELS:
            raise InputError(
                f"{video.id}: pictures of {width} x {height} are {width * height / 1e6:.0f} million pixels; this page takes "
                f"up to {MAX_PIXELS / 1e6:.1f} million (4096 x 2304): make the video smaller"
            )


def open_upload(video: Video) -> Decoder:
    """Opens an uploaded video, if showing and embedding it is work that this page takes on.

    Raises:
        InputError: pictures, duration, or all of it together beyond the limits.
        VideoError: as ``open_video``.
    """
    check_picture(video)
    decoder = open_video(video, timeout_s=MAX_OPENING_S)
    row = decoder.video
    if row.duration_s > MAX_DURATION_S:
        decoder.close()
        raise InputError(
            f"{video.id}: {row.duration_s / 60:.0f} minutes; this page takes up to {MAX_DURATION_S / 60:.0f}"
        )
    work = row.width * row.height * len(decoder.times_s)
    if work > MAX_WORK:
        decoder.close()
        raise InputError(
            f"{video.id}: {len(decoder.times_s)} frames of {row.width} x {row.height} are {work / 1e9:.0f} thousand million "
            f"pixels; this page takes up to {MAX_WORK / 1e9:.0f}: make the video smaller or shorter"
        )
    return decoder
