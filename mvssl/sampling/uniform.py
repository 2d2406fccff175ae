"""Frames spread evenly over the whole video."""

from __future__ import annotations

import numpy as np

from mvssl.sampling._timeline import check_positive, draw_video
from mvssl.sampling._timeline import timeline as make_timeline
from mvssl.types import ClipRequest, Video


class UniformSampler:
    """The middles of T equal parts of the video; nothing is random but the camera of a session with several.

    Args:
        num_frames: T. A video with fewer frames shows some of them several times; nothing is padded.
    """

    views = ("a",)

    def __init__(self, *, num_frames: int = 32):
        check_positive("uniform", num_frames=num_frames)
        self.num_frames = num_frames

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = make_timeline(draw_video(session, generator))
        position = (np.arange(self.num_frames) + 0.5) * line.num_frames / self.num_frames - 0.5
        mask = np.ones(self.num_frames, dtype=bool)
        return {"a": ClipRequest(line.video_id, line.time_s(position), mask=mask)}
