"""Consecutive frames at a fixed stride from a random place."""

from __future__ import annotations

import numpy as np

from mvssl.sampling._timeline import check_positive, draw_video, request, timeline
from mvssl.types import ClipRequest, Video


class DenseSampler:
    """T frames, ``stride`` apart, from a random start; each view of its own. A shorter video is padded (mask False).

    Args:
        num_frames: T.
        stride: frames from one to the next.
        num_views: independent clips of the same video: views a, b, ...
        fps: the grid that ``stride`` counts on, per second; None = the video's own frames.
    """

    def __init__(self, *, num_frames: int = 32, stride: int = 1, num_views: int = 1, fps: float | None = None):
        check_positive("dense", num_frames=num_frames, stride=stride, num_views=num_views)
        self.num_frames, self.stride, self.fps = num_frames, stride, fps
        self.views = tuple(chr(ord("a") + i) for i in range(num_views))

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator), fps=self.fps)
        room = max(0, line.num_frames - 1 - (self.num_frames - 1) * self.stride)
        requests = {}
        for name in self.views:
            position = int(generator.integers(room + 1)) + np.arange(self.num_frames) * self.stride
            requests[name] = request(line, position[position < line.num_frames], num_frames=self.num_frames)
        return requests
