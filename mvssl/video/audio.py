"""Sound of a video file."""

from __future__ import annotations

import os

import av
import numpy as np

from mvssl.errors import VideoError


def read_audio(
    path: str | os.PathLike, start_s: float = 0.0, end_s: float = float("inf"), *, sample_rate: int | None = None
) -> tuple[np.ndarray, int]:
    """Samples of the first audio stream on the file's clock.

    Returns:
        float32 (channels, samples) in [-1, 1], of [start_s, end_s); silence where the stream has none inside it;
        and the sample rate in Hz.
    """
    path = os.fspath(path)
    with av.open(path) as container:
        if not container.streams.audio:
            raise VideoError(f"{path}: holds no audio stream", path=path, kind="no_video_stream")
        stream = container.streams.audio[0]
        rate = sample_rate or stream.rate
        resampler = av.AudioResampler(format="fltp", rate=rate)
        if start_s > 0:
            container.seek(int(start_s / stream.time_base), stream=stream)
        pieces, starts = [], []
        for frame in container.decode(stream):
            if frame.time >= end_s:
                break
            for part in resampler.resample(frame):
                pieces.append(part.to_ndarray())
                starts.append(part.time)
        for part in resampler.resample(None):
            pieces.append(part.to_ndarray())
            starts.append(part.time)
    if not pieces:
        return np.zeros((stream.channels, 0), np.float32), rate
    stop_s = min(end_s, starts[-1] + pieces[-1].shape[1] / rate)
    out = np.zeros((pieces[0].shape[0], max(round((stop_s - start_s) * rate), 0)), np.float32)
    for at, piece in zip(starts, pieces):
        offset = round((at - start_s) * rate)
        low, high = max(offset, 0), min(offset + piece.shape[1], out.shape[1])
        if high > low:
            out[:, low:high] = piece[:, low - offset : high - offset]
    return out, rate
