"""Overlapping windows over a long video."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling._timeline import check_positive, draw_video, request, timeline
from mvssl.types import ClipRequest, Video


class WindowsSampler:
    """Windows of T frames on a fixed grid of instants, each beginning ``num_frames - overlap`` after the one before;
    the last one ends with the video. Called as a sampler it draws one of them; ``all`` lists them.

    Args:
        num_frames: T. A shorter video is one window, padded (mask False).
        overlap: frames that neighbouring windows share.
        fps: of the grid; None = the video's own frames.
    """

    views = ("a",)

    def __init__(self, *, num_frames: int = 64, overlap: int = 32, fps: float | None = None):
        check_positive("windows", num_frames=num_frames)
        if not 0 <= overlap < num_frames:
            raise InputError(f"sampler windows: overlap must lie in 0 .. num_frames - 1, not {overlap}")
        self.num_frames, self.overlap, self.fps = num_frames, overlap, fps

    def all(self, video: Video) -> list[ClipRequest]:
        """Every window of a video, in order; together they hold each instant of the grid."""
        line = timeline(video, fps=self.fps)
        return [
            request(line, np.arange(start, min(start + self.num_frames, line.num_frames)), num_frames=self.num_frames)
            for start in self._starts(line.num_frames)
        ]

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        windows = self.all(draw_video(session, generator))
        return {"a": windows[int(generator.integers(len(windows)))]}

    def _starts(self, total: int) -> list[int]:
        last = max(0, total - self.num_frames)
        return [*range(0, last, self.num_frames - self.overlap), last]
