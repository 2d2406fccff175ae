"""Which file the browser gets for a video: the video itself where a browser keeps its times, else a copy that it can play."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mvssl import files
from mvssl.types import Video
from mvssl.video import Decoder, index_of, open_video, write_video

CODECS, CONTAINERS = {"h264", "vp8", "vp9", "av1"}, ("mp4", "webm")
COPY_HEIGHT, CRF, GOP = 480, 23, 15  # key frames are near, so that jumps are quick
CHUNK = 48  # frames decoded at a time


def playable(video: Video, folder: Path, *, copy: bool = False) -> Path:
    """A file in which the browser's time 0 is the video's ``start_s``.

    Args:
        video: with its path already checked.
        folder: of the copies; a copy is made once for each state of the file.
        copy: make a copy in any case (the browser said that it cannot play the video).
    """
    return shown_as(video, folder, copy=copy) or copied(video, folder)


def shown_as(video: Video, folder: Path, *, copy: bool = False) -> Path | None:
    """As ``playable``, but nothing is made: None where that needs a copy that is not there yet."""
    if not copy and _plays(video):
        return Path(video.path)
    path = _copy_of(video, folder)
    return path if path.exists() else None


def copied(video: Video, folder: Path) -> Path:
    """The copy, made where it is not there yet."""
    path = _copy_of(video, folder)
    if not path.exists():
        files.make_folder(folder)
        with open_video(video, damaged="flag") as decoder:
            height = min(COPY_HEIGHT, decoder.video.height) // 2 * 2
            width = max(2, round(decoder.video.width * height / decoder.video.height) // 2 * 2)
            times_s = decoder.times_s - decoder.times_s[0]
            write_video(path, _pictures(decoder, (max(2, height), width)), times_s=times_s, crf=CRF, gop=GOP)
    return path


def _copy_of(video: Video, folder: Path) -> Path:
    state = os.stat(video.path)
    key = f"{video.path}|{state.st_size}|{state.st_mtime_ns}|{video.start_s}|{video.end_s}|{video.fps}"
    return folder / f"{hashlib.blake2b(os.fsencode(key), digest_size=12).hexdigest()}.mp4"


def _plays(video: Video) -> bool:
    """Whether browsers know the codec and show each frame at the time that the file states."""
    if os.path.isdir(video.path):
        return False
    index = index_of(video.path)
    times_s = index.time_s(index.shown_pts)
    whole = video.start_s <= times_s[0] + 1e-3 and video.end_s >= times_s[-1]
    kept = index.codec in CODECS and any(name in index.container for name in CONTAINERS)
    return bool(kept and whole and abs(times_s[0]) < 1e-3 and not index.has_edit_list)


def _pictures(decoder: Decoder, size: tuple[int, int]) -> Iterator[np.ndarray]:
    for start in range(0, len(decoder.times_s), CHUNK):
        yield from decoder.frames_at(decoder.times_s[start : start + CHUNK], size=size)
