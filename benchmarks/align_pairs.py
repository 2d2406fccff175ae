"""The pairs that `benchmarks/align.py` measures: clips of one action from different scenes, and what is done to them.

Changes are made to the embedded rows, so that a data set is embedded once. Clips that are cut have one cycle each: of
several, nobody could say which one is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mvssl.alignment.borders import Border, phase_borders, shared_borders
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.types import Video

MAX_CUT, MAX_IDLE = 0.3, 0.5  # of the duration, at each end
MIN_FRAMES = 8


class Clip(NamedTuple):
    """An embedded clip and the times of its phase borders."""

    frames: VideoFrames
    borders: dict[Border, float]
    action: str
    apart: tuple[str, str]  # clips that share a group or a session do not meet


class Pair(NamedTuple):
    """Reference and query, as changed, and the borders that both show."""

    reference: VideoFrames
    query: VideoFrames
    borders: np.ndarray  # (K, 2) seconds: of the reference, of the query


def clips_of(frames: Frames, segments: Segments, videos: list[Video], split: str, default_action: str) -> list[Clip]:
    """The labelled clips of a split."""
    about = {video.id: video for video in videos}
    found = []
    for one in frames:
        video = about[one.video]
        if video.split == split and len(segments.get(one.video, [])) > 1:
            apart = (video.group or one.video, video.session or one.video)
            found.append(Clip(one, phase_borders(segments[one.video]), video.label or default_action, apart))
    return found


def whole(clip: Clip, rng: np.random.Generator) -> Clip:
    return clip


def cut(clip: Clip, rng: np.random.Generator) -> Clip:
    """Up to ``MAX_CUT`` of the clip is missing at each end."""
    first, last = (rng.uniform(0, MAX_CUT, 2) * len(clip.frames.time_s)).astype(int)
    return _kept(clip, first, len(clip.frames.time_s) - last)


def idle(clip: Clip, rng: np.random.Generator) -> Clip:
    """Before and after comes standing about: the first and last third of a second, back and forth."""
    time_s = clip.frames.time_s
    step_s = float(np.median(np.diff(time_s)))
    rest = max(1, round(0.33 / step_s))
    before, after = (rng.uniform(0, MAX_IDLE, 2) * len(time_s)).astype(int)
    swing = np.r_[np.arange(rest), np.arange(rest)[::-1]]
    start, stop = np.resize(swing, before)[::-1], len(time_s) - 1 - np.resize(swing, after)
    return _evenly(clip, np.r_[start, np.arange(len(time_s)), stop].astype(int), first=before)


def two_cycles(clip: Clip, rng: np.random.Generator) -> Clip:
    """The clip is done twice, the second time at another speed."""
    count = len(clip.frames.time_s)
    again = np.round(np.linspace(0, count - 1, max(MIN_FRAMES, round(count * rng.uniform(0.7, 1.4))))).astype(int)
    changed = _evenly(clip, np.r_[np.arange(count), again], first=0)
    begin_s, stretch = float(changed.frames.time_s[count]), (len(again) - 1) / (count - 1)
    borders = dict(changed.borders)
    for (before, after, number), time_s in clip.borders.items():
        earlier = sum(key[:2] == (before, after) for key in clip.borders)
        borders[before, after, number + earlier] = begin_s + (time_s - float(clip.frames.time_s[0])) * stretch
    return changed._replace(borders=borders)


def part(clip: Clip, rng: np.random.Generator) -> Clip:
    """A quarter to a half of the clip."""
    count = len(clip.frames.time_s)
    length = int(count * rng.uniform(0.25, 0.5))
    first = int(rng.integers(0, count - length + 1))
    return _kept(clip, first, first + length)


Change = Callable[[Clip, np.random.Generator], Clip]
VARIANTS: dict[str, tuple[Change, Change]] = {  # what is done to the reference, and to the query
    "whole": (whole, whole),
    "cut": (cut, cut),
    "idle": (idle, idle),
    "two cycles": (two_cycles, two_cycles),
    "part": (whole, part),
}


def _kept(clip: Clip, first: int, stop: int) -> Clip:
    """Some of the frames at their own times; borders outside are gone."""
    frames = clip.frames
    time_s = frames.time_s[first:stop]
    inside = {key: at for key, at in clip.borders.items() if time_s[0] < at <= time_s[-1]}
    rows = slice(first, stop)
    changed = frames._replace(frame=frames.frame[rows], time_s=time_s, embedding=frames.embedding[rows], extra={})
    return clip._replace(frames=changed, borders=inside)


def _evenly(clip: Clip, rows: np.ndarray, *, first: int) -> Clip:
    """These rows on an even clock; the clip as it was begins at row ``first``, and its borders move with it."""
    frames = clip.frames
    step_s = float(np.median(np.diff(frames.time_s)))
    time_s = frames.time_s[0] + step_s * np.arange(len(rows))
    own_s = time_s[first : first + len(frames.time_s)]
    borders = {key: float(np.interp(at, frames.time_s, own_s)) for key, at in clip.borders.items()}
    changed = frames._replace(frame=np.arange(len(rows)), time_s=time_s, embedding=frames.embedding[rows], extra={})
    return clip._replace(frames=changed, borders=borders)


def drawn_pairs(clips: list[Clip], variant: str, number: int, seed: int) -> list[Pair]:
    """Ordered pairs of clips of one action that share neither group nor session, each clip changed by itself."""
    rng = np.random.default_rng([seed, list(VARIANTS).index(variant)])
    changes = VARIANTS[variant]
    if variant in ("cut", "part"):
        clips = [clip for clip in clips if all(number == 0 for *_, number in clip.borders)]
    every = [
        (i, j)
        for i, one in enumerate(clips)
        for j, other in enumerate(clips)
        if i != j and one.action == other.action and not set(one.apart) & set(other.apart)
    ]
    found: list[Pair] = []
    for k in rng.permutation(len(every)):
        one, other = (change(clips[i], rng) for change, i in zip(changes, every[k], strict=True))
        shared = shared_borders(one.borders, other.borders)
        if len(shared) and min(len(one.frames.time_s), len(other.frames.time_s)) >= MIN_FRAMES:
            found.append(Pair(one.frames, other.frames, shared))  # both keep the names of their videos
        if len(found) == number:
            break
    return found
