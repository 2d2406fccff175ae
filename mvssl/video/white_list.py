"""Which containers FFmpeg may open: real ones, on this disk. Every file is opened through here.

FFmpeg tells a file by its content, whatever its name, and some of what it knows are lists that make it read other files or
addresses (ffconcat, HLS, DASH, SDP, IMF) or programs of their own (tty art, AviSynth). 35 bytes of text are enough.
"""

from __future__ import annotations

from typing import Any

import av

VIDEO = (
    "mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "asf", "gif", "apng", "ogg",
    "mxf", "mxf_opatom", "gxf", "ivf", "nut", "rm", "dv", "wtv", "h264", "hevc", "vvc", "m4v", "av1", "obu", "mjpeg",
    "mjpeg_2000", "yuv4mpegpipe", "swf", "dhav", "nsv", "vc1", "vc1test", "h263", "h261", "dirac", "roq", "smk", "bink",
)  # fmt: skip
SOUND = ("wav", "w64", "mp3", "aac", "flac", "aiff", "caf", "ac3", "eac3", "dts", "amr", "au", "wv", "ape", "tta")
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join((*VIDEO, *SOUND)),
    "use_absolute_path": "0",
    "enable_drefs": "0",
}
MAX_PIXELS = 1 << 27  # of one picture: four times 8K; a file of some hundred bytes can announce any number


def open_file(path: str, *, timeout_s: float | None = None) -> Any:
    """``av.open`` of a file on this disk, for reading; a name with a colon is a name, no protocol.

    Raises:
        av.FFmpegError, OSError, ValueError: as ``av.open``; ``av.error.ArgumentError`` or the like for what is on no list.
    """
    return av.open(f"file:{path}", timeout=timeout_s, options=OPTIONS)
