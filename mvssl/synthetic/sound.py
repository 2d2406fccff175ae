"""The sound of a session: a noise floor, and a short tone with a click at each key moment."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000
_FLOOR, _TONE_S = 0.004, 0.18
_NOTES_HZ = (523.25, 659.25, 783.99, 1046.5, 1318.5)  # the first moment of an action has the lowest


def sound(moments: dict[str, float], duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Mono samples (1, S) float32 in [-1, 1] at ``SAMPLE_RATE``; a moment's sound starts at its time."""
    samples = rng.normal(0, _FLOOR, round(duration_s * SAMPLE_RATE))
    detune, loudness = rng.uniform(0.94, 1.06), rng.uniform(0.2, 0.45)
    elapsed = np.arange(int(_TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
    for note, moment_s in zip(_NOTES_HZ, sorted(moments.values())):
        tone = np.sin(2 * np.pi * note * detune * elapsed) * np.exp(-elapsed / 0.05)
        tone[: SAMPLE_RATE // 200] += rng.uniform(-0.7, 0.7, SAMPLE_RATE // 200)
        start = round(moment_s * SAMPLE_RATE)
        heard = samples[start : start + len(tone)]
        heard += loudness * tone[: len(heard)]
    return samples.clip(-1, 1)[None].astype(np.float32)
