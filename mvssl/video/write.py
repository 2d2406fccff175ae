"""Write a video file that every player opens: H.264, yuv420p, MP4."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np

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
    """Write frames, and sound if given, to ``path``; the file appears under its name only when it is complete.

    Args:
        frames: uint8 RGB, each (H, W, 3) or (3, H, W), one after the other (any iterable); an odd size is padded by its edge to an even one.
        fps: constant rate; or
        times_s: ascending presentation time of each frame.
        audio: float32 (channels, samples) in [-1, 1], starting at 0 s.
    """
    if (fps is None) == (times_s is None):
        raise InputError(f"{path}: give fps or times_s, one of them")
    path = os.fspath(path)
    partial = f"{path}.{os.getpid()}.part"
    try:
        with av.open(partial, "w", format="mp4", options={"movflags": "+faststart"}) as container:
            _write(container, frames, fps, times_s, audio, sample_rate, crf, gop, path)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _write(container, frames, fps, times_s, audio, sample_rate, crf, gop, path) -> None:
    rate = Fraction(fps).limit_denominator(1001) if fps else Fraction(30)
    stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "g": str(gop)})
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 1
    stream.time_base = Fraction(1, _CLOCK) if times_s is not None else 1 / rate
    stream.codec_context.time_base = stream.time_base
    sound = None
    if audio is not None:
        sound = container.add_stream("aac", rate=sample_rate, layout="mono" if len(audio) == 1 else "stereo")
    last = None
    times = iter(times_s) if times_s is not None else None
    for number, picture in enumerate(frames):
        picture = _channels_last(picture, path)
        if last is None:
            stream.height, stream.width = picture.shape[:2]
        elif picture.shape[:2] != (stream.height, stream.width):
            raise InputError(
                f"{path}: frame {number} is {picture.shape[1]} x {picture.shape[0]}, the first was {stream.width} x {stream.height}"
            )
        pts = number if times is None else round(next(times) * _CLOCK)
        if last is not None and pts <= last:
            raise InputError(f"{path}: times_s must increase; frame {number} does not")
        last = pts
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, stream.codec_context.time_base
        container.mux(stream.encode(frame))
    if last is None:
        raise InputError(f"{path}: no frame to write")
    container.mux(stream.encode())
    if sound is not None:
        layout = "mono" if len(audio) == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio, dtype=np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = sample_rate, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode())


def _channels_last(picture: np.ndarray, path: str) -> np.ndarray:
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or 3 not in (picture.shape[0], picture.shape[2]):
        raise InputError(f"{path}: frames must be uint8 (H, W, 3) or (3, H, W); got {picture.dtype} {picture.shape}")
    if picture.shape[2] != 3:
        picture = picture.transpose(1, 2, 0)
    odd_h, odd_w = picture.shape[0] % 2, picture.shape[1] % 2
    if odd_h or odd_w:
        picture = np.pad(picture, ((0, odd_h), (0, odd_w), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)
