"""The grid of instants a sampler chooses from, and the request made of the chosen ones."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mvssl.errors import InputError
from mvssl.types import ClipRequest, Video


class Timeline(NamedTuple):
    """Evenly spaced instants ``start_s + (i + 1/2) step_s``, i = 0 .. num_frames - 1, all inside the video.

    At the video's own rate an instant lies in the middle of a frame's display time, so the decoder shows frame i even
    where time stamps jitter by less than half a frame. The true presentation time of the frame shown comes back with
    the clip: a sampler never needs the exact stamps, and with a variable rate it samples evenly in time.
    """

    video_id: str
    start_s: float
    step_s: float
    num_frames: int

    def time_s(self, position: np.ndarray) -> np.ndarray:
        """Instants (seconds, float64) of grid positions, which may be fractional."""
        return self.start_s + (np.asarray(position, dtype=np.float64) + 0.5) * self.step_s


def timeline(video: Video, *, fps: float | None = None) -> Timeline:
    """The grid of a video at ``fps`` frames per second, or at its own average rate.

    Raises:
        InputError: the video's length or rate is unknown, or ``fps`` is not positive.
    """
    duration_s = video.duration_s
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise InputError(
            f"sampling: video {video.id!r} lasts from {video.start_s} to {video.end_s} s; a finite, positive length is "
            "needed: scan the videos first"
        )
    if fps is not None:
        if not fps > 0:
            raise InputError(f"sampling: fps must be positive, not {fps}")
        step_s = min(1.0 / fps, duration_s)
        return Timeline(video.id, video.start_s, step_s, max(1, math.floor(duration_s / step_s + 1e-6)))
    num_frames = video.num_frames if video.num_frames > 0 else round(duration_s * video.fps)
    if num_frames <= 0:
        raise InputError(
            f"sampling: video {video.id!r} states neither num_frames nor fps: scan it, or set the sampler's fps"
        )
    return Timeline(video.id, video.start_s, duration_s / num_frames, num_frames)


def request(
    line: Timeline, position: np.ndarray, *, num_frames: int, offsets_s: tuple[float, ...] = (0.0,)
) -> ClipRequest:
    """The request for grid positions, padded to ``num_frames`` by the last one with mask False.

    Positions at or beyond the end of the grid are padding too (their time is that of the last frame).
    """
    position = np.asarray(position, dtype=np.float64)
    valid = np.zeros(num_frames, dtype=bool)
    valid[: len(position)] = position < line.num_frames
    padded = np.full(num_frames, line.num_frames - 1.0)
    padded[: len(position)] = np.minimum(position, line.num_frames - 1)
    if 0 < len(position) < num_frames:
        padded[len(position) :] = padded[len(position) - 1]
    return ClipRequest(line.video_id, line.time_s(padded), np.asarray(offsets_s, dtype=np.float64), valid)


def sorted_subset(generator: np.random.Generator, start: int, length: int, num: int) -> np.ndarray:
    """``num`` different whole numbers of ``start .. start + length - 1`` in rising order."""
    return start + np.sort(generator.choice(length, size=num, replace=False))


def draw_video(session: tuple[Video, ...], generator: np.random.Generator) -> Video:
    """One camera of the session, all equally likely."""
    return session[0] if len(session) == 1 else session[int(generator.integers(len(session)))]


def check_positive(sampler: str, **values: float) -> None:
    """Refuse values below one, naming the sampler and the key."""
    for name, value in values.items():
        if value < 1:
            raise InputError(f"sampler {sampler}: {name} must be at least 1, not {value}")


def leave_room(video: Video, reach_s: float) -> Video:
    """The video without its last frames, so that whoever looks ``reach_s`` ahead of a frame finds another one there.

    Raises:
        InputError: nothing would be left.
    """
    if reach_s == 0.0:
        return video
    line = timeline(video)
    num_frames = math.floor(line.num_frames - reach_s / line.step_s + 1e-6)
    if num_frames < 1:
        raise InputError(
            f"sampling: video {video.id!r} lasts {video.duration_s:.3f} s, and {reach_s} s are needed after each frame"
        )
    return video._replace(end_s=video.start_s + num_frames * line.step_s, num_frames=num_frames)
