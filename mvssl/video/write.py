"""Write a video file that every player opens: H.264, yuv420p, MP4."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av
import numpy as np

from mvssl import files
from mvssl.errors import InputError

_CLOCK = 90_000


def write_video(
    path: str | os.PathLike,
    frames: Iterable[np.ndarray],
    *,
    fps: float | None = None,
    times_s: Iterable[float] | None = None,
    audio: np.ndarray | None = None,
    sample_rate: int = 48_000,
    crf: int = 18,
    gop: int = 30,
) -> None:
    """Write frames, and sound if given; the file appears under its name only when it is complete.

    Args:
        path: of the MP4.
        frames: any iterable of uint8 RGB pictures, (H, W, 3) or (3, H, W), all of one size; an odd height or width is
            padded by its last row or column (H.264 pictures are even).
        fps: constant rate; or
        times_s: ascending presentation time of each frame, kept to 1/90000 s.
        audio: float32 (channels, samples) in [-1, 1], mono or stereo, starting at 0 s.
        sample_rate: of the audio, Hz.
        crf: x264's quality; 18 is nearly without visible loss, 0 exact in YUV.
        gop: largest distance between key frames.

    Raises:
        InputError: no frame, a changing size, times that do not increase, or not as many times as frames.
    """
    if (fps is None) == (times_s is None):
        raise InputError(f"{path}: give fps or times_s, one of them")
    path = os.fspath(path)
    options = {"movflags": "+faststart", "movie_timescale": str(_CLOCK)}
    with (
        files.whole_file(path) as temporary,
        av.open(f"file:{temporary}", "w", format="mp4", options=options) as container,
    ):
        stream = _video_stream(container, fps, crf, gop)
        sound = None if audio is None else _audio_stream(container, audio, sample_rate, path)
        _write_pictures(container, stream, frames, times_s, path)
        if audio is not None:
            _write_sound(container, sound, audio, sample_rate)


def _video_stream(container, fps: float | None, crf: int, gop: int) -> Any:
    rate = Fraction(fps).limit_denominator(1001) if fps else Fraction(30)
    # without mbtree: on processors with AVX-512 its rates differ from one call to the next, and so do the files
    options = {"crf": str(crf), "g": str(gop), "mbtree": "0"}
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 1
    stream.codec_context.time_base = 1 / rate if fps else Fraction(1, _CLOCK)
    return stream


def _audio_stream(container, audio: np.ndarray, sample_rate: int, path: str) -> Any:
    if audio.ndim != 2 or audio.shape[0] not in (1, 2):
        raise InputError(f"{path}: audio must be (1 or 2 channels, samples); got shape {audio.shape}")
    return container.add_stream("aac", rate=sample_rate, layout=_layout(audio))


def _write_pictures(
    container, stream, frames: Iterable[np.ndarray], times_s: Iterable[float] | None, path: str
) -> None:
    times = None if times_s is None else iter(times_s)
    last = None
    for number, picture in enumerate(frames):
        picture = _channels_last(picture, path)
        if last is None:
            stream.height, stream.width = picture.shape[:2]
        elif picture.shape[:2] != (stream.height, stream.width):
            raise InputError(
                f"{path}: frame {number} has shape {picture.shape}, the first was {stream.height} x {stream.width}"
            )
        pts = number if times is None else _ticks(times, number, path)
        if last is not None and pts <= last:
            raise InputError(f"{path}: times_s must increase by at least 1/{_CLOCK} s; that of frame {number} does not")
        last = pts
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, stream.codec_context.time_base
        container.mux(stream.encode(frame))
    if last is None:
        raise InputError(f"{path}: no frame to write")
    if times is not None and next(times, None) is not None:
        raise InputError(f"{path}: more times than frames")
    container.mux(stream.encode())


def _ticks(times, number: int, path: str) -> int:
    time_s = next(times, None)
    if time_s is None:
        raise InputError(f"{path}: frame {number} has no time in times_s")
    return round(float(time_s) * _CLOCK)


def _write_sound(container, stream, audio: np.ndarray, sample_rate: int) -> None:
    samples = np.ascontiguousarray(audio, dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=_layout(audio))
    frame.sample_rate, frame.pts = sample_rate, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _layout(audio: np.ndarray) -> str:
    return "mono" if len(audio) == 1 else "stereo"


def _channels_last(picture: np.ndarray, path: str) -> np.ndarray:
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or 3 not in (picture.shape[0], picture.shape[2]):
        raise InputError(f"{path}: frames must be uint8 (H, W, 3) or (3, H, W); got {picture.dtype} {picture.shape}")
    if picture.shape[2] != 3:
        picture = picture.transpose(1, 2, 0)
    odd_rows, odd_columns = picture.shape[0] % 2, picture.shape[1] % 2
    return np.ascontiguousarray(np.pad(picture, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge"))
