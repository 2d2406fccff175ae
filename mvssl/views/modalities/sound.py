"""What is heard around a frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mvssl.errors import InputError
from mvssl.types import ClipRequest, Video
from mvssl.views.modality import Modality, ReadAudio, Transform
from mvssl.views.parameters import Drawn

_WINDOW_S, _HOP_S = 0.025, 0.010
_FLOOR = 1e-6


class SoundModality(Modality):
    """Log-mel power of ``context_s`` seconds around each frame time, in ``num_parts`` equal parts.

    A picture for each frame time, (T, 1, 1, num_mels, num_parts), low tones in the last row. The network receives
    (x + 6) / 8 clipped to [0, 1].

    Power spectrum of 25 ms Hann windows every 10 ms, triangular filters equally spaced on the mel scale
    (2595 log10(1 + f / 700)), mean over the windows of a part, log10(1e-6 + x). Silence (also beyond the ends of
    the sound) is -6 everywhere. A video without sound has this view absent.

    Args:
        sample_rate: Hz, after resampling.
        num_mels: filters between 0 and half the sample rate.
        context_s: seconds heard around a frame.
        num_parts: how many parts they are cut into.
    """

    channels = 1
    decodes = False

    def __init__(self, *, sample_rate: int = 16000, num_mels: int = 64, context_s: float = 0.96, num_parts: int = 48):
        if not context_s / num_parts >= 2 * _HOP_S:
            raise InputError(
                f"modality sound: a part lasts {context_s / num_parts} s; at least {2 * _HOP_S} s are needed"
            )
        self.sample_rate, self.num_mels, self.context_s, self.num_parts = sample_rate, num_mels, context_s, num_parts
        self.key = ("sound", sample_rate, num_mels, context_s, num_parts)

    def load(
        self, video: Video, request: ClipRequest, transform: Transform, drawn: Drawn, read_audio: ReadAudio
    ) -> np.ndarray | None:
        if not video.has_audio:
            return None
        time_s = request.time_s
        margin_s = self.context_s / 2 + _WINDOW_S
        start_s = max(0.0, float(time_s.min()) - margin_s)
        end_s = float(time_s.max()) + margin_s
        samples, rate = read_audio(video.path, start_s, end_s, sample_rate=self.sample_rate)
        if rate != self.sample_rate:
            raise InputError(f"modality sound: asked for {self.sample_rate} Hz, got {rate}")
        mel = mel_power(torch.from_numpy(samples).mean(0), self.sample_rate, self.num_mels)
        part_s = self.context_s / self.num_parts
        centre_s = np.asarray(time_s)[:, None] - self.context_s / 2 + (np.arange(self.num_parts) + 0.5) * part_s
        windows = max(1, round(part_s / _HOP_S))
        first = np.floor((centre_s - start_s) / _HOP_S - windows / 2 + 0.5).astype(np.int64)
        column = torch.from_numpy(first[..., None] + np.arange(windows))  # (T, parts, windows)
        heard = (column >= 0) & (column < len(mel))
        power = mel[column.clamp(0, len(mel) - 1)] * heard[..., None]
        return torch.log10(power.mean(2) + _FLOOR).transpose(1, 2).flip(1)[:, None, None].numpy()

    def floats(self, pixels: Tensor) -> Tensor:
        return ((pixels.float() + 6) / 8).clamp(0, 1)

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        return np.zeros((num_frames, 1, 1, self.num_mels, self.num_parts), dtype=np.float32)


def mel_power(samples: Tensor, sample_rate: int, num_mels: int) -> Tensor:
    """(n,) samples -> (windows, num_mels) mel power; window i is centred at i x 10 ms."""
    length, hop = round(_WINDOW_S * sample_rate), round(_HOP_S * sample_rate)
    size = 1 << (length - 1).bit_length()
    if len(samples) <= size:
        samples = torch.nn.functional.pad(samples, (0, size + 1 - len(samples)))
    window = torch.hann_window(length, periodic=False)
    spectrum = torch.stft(samples, size, hop, length, window, center=True, pad_mode="constant", return_complex=True)
    return (spectrum.abs() ** 2 / window.square().sum()).T @ _filters(sample_rate, num_mels, size)


@lru_cache(maxsize=4)
def _filters(sample_rate: int, num_mels: int, size: int) -> Tensor:
    """(size / 2 + 1, num_mels) triangles with peak 1."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + sample_rate / 1400), num_mels + 2) / 2595) - 1)
    frequency = np.linspace(0, sample_rate / 2, size // 2 + 1)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling)).astype(np.float32))
