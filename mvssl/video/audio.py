"""Sound of a video file."""

from __future__ import annotations

import os

import av
import numpy as np

from mvssl.errors import VideoError

from .white_list import open_file

_MOST_BYTES = 16 << 30
_LEAD_S = 0.2  # decoded before the start, so that the decoder has settled


def read_audio(
    path: str | os.PathLike, start_s: float = 0.0, end_s: float = float("inf"), *, sample_rate: int | None = None
) -> tuple[np.ndarray, int]:
    """Samples of the first audio stream, on the clock of the file (that of ``times_s``).

    Args:
        path: of the file.
        start_s: first instant; may lie before the sound begins: silence.
        end_s: end (excluded); beyond the end of the sound: silence. Default: the end of the sound.
        sample_rate: resample to this; default the stream's own.

    Returns:
        float32 (channels, samples) in [-1, 1] and the rate in Hz. Sample i is at ``start_s`` + i / rate.

    Raises:
        VideoError: missing, not_video, no audio stream, corrupt; out_of_range where the range would fill the memory (a file
            whose clock begins at 1.7e9 s, asked for from 0 s on).
    """
    path = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise VideoError(f"{path}: is not a file", path=path, kind="not_video")
    try:
        with open_file(path) as container:
            if not container.streams.audio:
                raise VideoError(f"{path}: holds no audio stream", path=path, kind="no_video_stream")
            stream = container.streams.audio[0]
            rate = sample_rate or stream.rate
            pieces = _decoded(container, stream, start_s, end_s, rate)
            channels = stream.channels
    except FileNotFoundError as error:
        raise VideoError(f"{path}: no such file", path=path, kind="missing") from error
    except av.FFmpegError as error:
        reason = str(error).replace(f"file:{path}", path)
        raise VideoError(f"{path}: the sound cannot be decoded ({reason})", path=path, kind="corrupt") from error
    stop_s = (
        max([at + part.shape[1] / rate for at, part in pieces], default=start_s) if end_s == float("inf") else end_s
    )
    if (stop_s - start_s) * rate * channels * 4 > _MOST_BYTES:
        begins = f"; its sound begins at {pieces[0][0]:.3f} s of the file's clock" if pieces else ""
        raise VideoError(
            f"{path}: {start_s:.3f} to {stop_s:.3f} s are too much sound for the memory{begins}: give start_s and end_s",
            path=path, kind="out_of_range", time_s=start_s,
        )  # fmt: skip
    out = np.zeros((channels, max(round((stop_s - start_s) * rate), 0)), np.float32)
    for at, part in pieces:
        offset = round((at - start_s) * rate)
        low, high = max(offset, 0), min(offset + part.shape[1], out.shape[1])
        if high > low:
            out[:, low:high] = part[:, low - offset : high - offset]
    return out, rate


def _decoded(container, stream, start_s: float, end_s: float, rate: int) -> list[tuple[float, np.ndarray]]:
    """(time of its first sample, samples) of each piece that touches the range."""
    resampler = av.AudioResampler(format="fltp", rate=rate)
    if start_s > _LEAD_S:
        container.seek(int((start_s - _LEAD_S) / stream.time_base), stream=stream)
    pieces = []
    for frame in container.decode(stream):
        if frame.time is not None and frame.time >= end_s:
            break
        pieces += resampler.resample(frame)
    if pieces:
        pieces += resampler.resample(None)
    return [(float(piece.time or 0.0), piece.to_ndarray()) for piece in pieces]
