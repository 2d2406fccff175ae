"""Offset and drift between the cameras of one session, from embeddings and from sound.

``time of the reference = offset_s + rate * time of the camera``: what the index calls ``offset_s``, so that the numbers
can be written into a table of videos with the reference's clock as that of the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import files
from mvssl.errors import InputError
from mvssl.frames import VideoFrames

from .align import cost_matrix

STEP_S = 0.02  # of the offsets that are tried
ENERGY = 0.2  # weight of how much the picture changes, which all cameras see, whatever they see
MIN_OVERLAP = 0.25  # of the shorter recording


class Offset(NamedTuple):
    """Where one camera's clock stands against the reference camera's."""

    reference: str
    camera: str
    offset_s: float
    rate: float  # 1 = no drift; seconds of the reference per second of the camera
    confidence: float  # in [0, 1]: how far the best offset stands above the best one elsewhere
    method: str  # "embedding", "sound" or "both"


def camera_offset(
    reference: VideoFrames, camera: VideoFrames, *, max_offset_s: float = 10.0, max_drift: float = 0.0
) -> Offset:
    """Offset between two recordings of one session, from what they show.

    Each embedding is compared with the embedding at the shifted time, and with how it changes over half a second; the
    shift with the highest similarity, summed over the overlap, wins (a straight line through the similarity matrix, which
    is what two clocks are; a warping path is free to do worse).

    Args:
        reference, camera: embedded frames of the same model.
        max_offset_s: largest offset tried, either way.
        max_drift: largest deviation of the rate from 1 that is tried, e.g. 0.01; 0 assumes equal clocks.

    Raises:
        InputError: recordings that cannot overlap by a quarter of the shorter one within ``max_offset_s``.
    """
    spans_s = [float(v.time_s[-1] - v.time_s[0]) for v in (reference, camera)]
    need_s = MIN_OVERLAP * min(spans_s)
    similarity = 1.0 - cost_matrix(_with_change(reference), _with_change(camera))
    similarity = similarity + ENERGY * np.outer(_energy(reference), _energy(camera))
    rates = np.linspace(1 - max_drift, 1 + max_drift, 21) if max_drift > 0 else np.ones(1)
    offsets = np.arange(-round(max_offset_s / STEP_S), round(max_offset_s / STEP_S) + 1) * STEP_S
    offsets = offsets + float(camera.time_s[0] - reference.time_s[0])
    score = np.full((len(rates), len(offsets)), -np.inf)
    for r, rate in enumerate(rates):
        for k, offset_s in enumerate(offsets):
            score[r, k] = _along(similarity, reference.time_s, camera.time_s, offset_s, rate, need_s)
    if not np.isfinite(score).any():
        raise InputError(f"{reference.video} and {camera.video}: no overlap of {need_s:.1f} s within {max_offset_s} s")
    r, k = divmod(int(score.argmax()), len(offsets))
    best = score[r]
    peak = _refined(offsets, best, k)
    rate = float(rates[r])  # so far: camera = peak + rate * reference
    return Offset(reference.video, camera.video, -peak / rate, 1 / rate, _prominence(offsets, best, k), "embedding")


def sound_offset(
    reference: tuple[np.ndarray, int],
    camera: tuple[np.ndarray, int],
    *,
    names: tuple[str, str],
    begins_s: tuple[float, float] = (0.0, 0.0),
    max_offset_s: float = 10.0,
) -> Offset:
    """Offset between two recordings of one session, from their sound.

    Generalised cross-correlation of the onset envelopes with phase transform (Knapp and Carter 1976), 500 values a
    second.

    Args:
        reference, camera: samples (channels, n) and rate in Hz, as ``mvssl.video.read_audio`` gives them.
        names: video ids.
        begins_s: times of the first samples, each on the clock of its file.
        max_offset_s: largest offset tried, either way, from where both begin together.

    Raises:
        InputError: silence.
    """
    envelopes = [_onsets(*sound) for sound in (reference, camera)]
    for name, envelope in zip(names, envelopes):
        if not envelope.any():
            raise InputError(f"{name}: its sound is silence; nothing to synchronise by")
    size = 1 << int(np.ceil(np.log2(len(envelopes[0]) + len(envelopes[1]))))
    spectrum = np.conj(np.fft.rfft(envelopes[0], size)) * np.fft.rfft(envelopes[1], size)
    magnitude = np.abs(spectrum)
    correlation = np.fft.irfft(spectrum / (magnitude + 1e-3 * magnitude.max()), size)
    lags = np.arange(-size // 2, size // 2)
    correlation = np.roll(correlation, size // 2)
    kept = np.abs(lags) <= max_offset_s * _ENVELOPE_HZ
    offsets, values = lags[kept] / _ENVELOPE_HZ, correlation[kept]
    k = int(values.argmax())
    offset_s = begins_s[0] - begins_s[1] - _refined(offsets, values, k)
    return Offset(*names, offset_s, 1.0, _prominence(offsets, values, k), "sound")


def agreed_offset(offsets: Sequence[Offset], *, tolerance_s: float = 0.1) -> Offset:
    """One answer from several methods: agreeing ones give the most confident offset and a higher confidence, else the
    most confident one alone, its confidence lowered by the other's."""
    if not offsets:
        raise InputError("no offset to choose from")
    best = max(offsets, key=lambda one: one.confidence)
    others = [one for one in offsets if one is not best]
    if not others:
        return best
    if all(abs(one.offset_s - best.offset_s) <= tolerance_s for one in others):
        doubt = float(np.prod([1 - one.confidence for one in offsets]))
        return best._replace(confidence=1 - doubt, method="both")
    return best._replace(confidence=best.confidence * (1 - max(one.confidence for one in others)))


def write_offsets(path: str | Path, offsets: Sequence[Offset]) -> Path:
    """Writes ``offsets.csv``: reference, camera, offset_s, rate, confidence, method."""
    return files.write_csv(path, Offset._fields, offsets)


def _with_change(video: VideoFrames) -> VideoFrames:
    """The frames with how they change around each instant (a quarter of a second to both sides) beside them."""
    rows = video.embedding - video.embedding.mean(0)
    change = _change(video)
    scale = [np.linalg.norm(part, axis=1).mean() or 1.0 for part in (rows, change)]
    return video._replace(embedding=np.concatenate([rows / scale[0], change / scale[1]], axis=1).astype(np.float32))


def _change(video: VideoFrames) -> np.ndarray:
    later, earlier = (_at(video.embedding, video.time_s, video.time_s + shift) for shift in (0.25, -0.25))
    return later - earlier


def _energy(video: VideoFrames) -> np.ndarray:
    """(T,) how much changes around each instant: mean 0, standard deviation 1."""
    size = np.linalg.norm(_change(video), axis=1)
    return (size - size.mean()) / (size.std() or 1.0)


def _at(rows: np.ndarray, time_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """Rows at other times, linear between frames, the end ones held."""
    position = np.interp(wanted_s, time_s, np.arange(len(time_s)))
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    weight = (position - low)[:, None]
    return rows[low] * (1 - weight) + rows[high] * weight


def _along(similarity, ref_s: np.ndarray, camera_s: np.ndarray, offset_s: float, rate: float, need_s: float) -> float:
    """Summed similarity along the line camera time = offset_s + rate * reference time, per frame of the shorter
    recording: without other evidence the longer overlap is the likelier."""
    wanted_s = offset_s + rate * ref_s
    inside = (wanted_s >= camera_s[0]) & (wanted_s <= camera_s[-1])
    rows = np.flatnonzero(inside)
    if len(rows) < 2 or ref_s[rows[-1]] - ref_s[rows[0]] < need_s:
        return -np.inf
    position = np.interp(wanted_s[rows], camera_s, np.arange(len(camera_s)))
    low = np.minimum(position.astype(int), len(camera_s) - 2)
    weight = position - low
    values = similarity[rows, low] * (1 - weight) + similarity[rows, low + 1] * weight
    return float(values.sum() / min(similarity.shape))


def _refined(offsets: np.ndarray, score: np.ndarray, k: int) -> float:
    """Top of the parabola through the best value and its neighbours."""
    if 0 < k < len(score) - 1 and np.isfinite(score[k - 1 : k + 2]).all():
        left, top, right = score[k - 1 : k + 2]
        bend = left - 2 * top + right
        if bend < 0:
            return float(offsets[k] + 0.5 * (left - right) / bend * (offsets[1] - offsets[0]))
    return float(offsets[k])


def _prominence(offsets: np.ndarray, score: np.ndarray, k: int, *, apart_s: float = 1.0) -> float:
    """1 - (best value at least ``apart_s`` away) / (best value), both above the median.

    Where the recordings are so short that fewer than 4 s of offsets are possible, "away" is a quarter of these.
    """
    finite = np.isfinite(score)
    apart_s = min(apart_s, 0.25 * float(np.ptp(offsets[finite])))
    floor = float(np.median(score[finite]))
    away = finite & (np.abs(offsets - offsets[k]) > apart_s)
    if score[k] <= floor or not away.any():
        return 0.0
    return float(np.clip(1.0 - (score[away].max() - floor) / (score[k] - floor), 0.0, 1.0))


_ENVELOPE_HZ = 500


def _onsets(samples: np.ndarray, rate: int) -> np.ndarray:
    """(n,) rises of the loudness, ``_ENVELOPE_HZ`` values a second."""
    mono = samples.mean(0)
    step = rate / _ENVELOPE_HZ
    edges = np.round(np.arange(int(len(mono) / step) + 1) * step).astype(int)
    if len(edges) < 3:
        return np.zeros(1)
    power = np.add.reduceat(mono.astype(np.float64) ** 2, edges[:-1]) / np.maximum(np.diff(edges), 1)
    loud = np.log1p(power / (power.mean() + 1e-12))
    rise = np.maximum(np.diff(loud), 0.0)
    return rise - rise.mean() if rise.any() else rise
