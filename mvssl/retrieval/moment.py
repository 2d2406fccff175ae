"""What is searched for: a frame or a range of a video, as ``CLIP.mp4@12.4s``, ``CLIP.mp4@f372`` or ``A.mp4@3s-5s``.

Seconds that people write are those of a player, 0 at the file's first frame; a ``Moment`` is on the clock of the file.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.series import median_step

_FORMS = "VIDEO@12.4s (a time), VIDEO@f372 (a frame), VIDEO@3s-5s or VIDEO@f90-f150 (a range)"
_TIME = re.compile(r"(?P<a>\d+(?:\.\d+)?)s?(?:-(?P<b>\d+(?:\.\d+)?)s?)?")
_FRAME = re.compile(r"f(?P<a>\d+)(?:-f?(?P<b>\d+))?")


class Moment(NamedTuple):
    """A stretch of a video in seconds of the file's clock, both ends included; a single frame has ``start_s == end_s``."""

    video: str
    start_s: float
    end_s: float

    @property
    def is_range(self) -> bool:
        return self.end_s > self.start_s


class VideoLookup(Protocol):
    """Something that knows videos by name: a table of frames, or an index."""

    def find(self, name: str) -> VideoFrames: ...


def parse_moment(text: str, frames: VideoLookup | None = None) -> Moment:
    """Reads ``VIDEO@12.4s``, ``VIDEO@f372``, ``VIDEO@3s-5s`` or ``VIDEO@f90-f150``.

    Seconds are a player's: 0 is the file's first frame (``VideoFrames.first_s`` of the file's clock).

    Args:
        text: the video's id in the table, or the end of it where only one video ends so, then "@" and where.
        frames: a table or index, needed for frame numbers and to complete a shortened id; without one
            the file is taken to begin at 0.

    Raises:
        InputError: another form, an unknown or ambiguous video, a frame that the table does not hold, end before start.
    """
    video, at, where = text.rpartition("@")
    if not at or not video:
        raise InputError(f"{text!r}: expected {_FORMS}")
    if frames is not None:
        known = frames.find(video)
        video = known.video
    if match := _TIME.fullmatch(where):
        first_s = 0.0 if frames is None else known.first_s
        start_s, end_s = (float(seconds) + first_s for seconds in (match["a"], match["b"] or match["a"]))
    elif match := _FRAME.fullmatch(where):
        if frames is None:
            raise InputError(f"{text!r}: a frame number needs the table of frames; give seconds")
        start_s, end_s = (_time_of(known, int(number)) for number in (match["a"], match["b"] or match["a"]))
    else:
        raise InputError(f"{text!r}: cannot read {where!r}; expected {_FORMS}")
    if end_s < start_s:
        raise InputError(f"{text!r}: the range ends before it starts")
    return Moment(video, start_s, end_s)


def _time_of(video: VideoFrames, number: int) -> float:
    """Time of a frame number; between embedded frames, of the embedded frame before it."""
    row = int(np.searchsorted(video.frame, number, side="right")) - 1
    last = int(video.frame[-1]) + int(median_step(video.frame, alone=1))
    if row < 0 or number >= last:
        raise InputError(
            f"{video.video}: no frame {number}; the table holds frames {video.frame[0]} to {video.frame[-1]}"
        )
    return float(video.time_s[row])


def rows_of(moment: Moment, video: VideoFrames) -> slice:
    """The embedded frames of a moment; for a single time the nearest one.

    Raises:
        InputError: the time is outside the video (by more than the spacing of its embedded frames).
    """
    time_s = video.time_s
    step_s = median_step(time_s, alone=1.0)
    for wanted in (moment.start_s, moment.end_s):
        if not time_s[0] - step_s <= wanted <= time_s[-1] + step_s:
            first_s = video.first_s
            clock = (
                f"; the first frame of the file, 0 s of a player, is at {first_s:.3f} s of its clock" if first_s else ""
            )
            raise InputError(
                f"{moment.video}@{wanted - first_s:g}s is outside the video, whose frames run from "
                f"{time_s[0] - first_s:.3f} s to {time_s[-1] - first_s:.3f} s{clock}"
            )
    first = int(np.abs(time_s - moment.start_s).argmin())
    last = int(np.abs(time_s - moment.end_s).argmin())
    return slice(first, last + 1)
