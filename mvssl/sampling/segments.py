"""One frame from each of T equal parts of the video."""

from __future__ import annotations

import numpy as np

from mvssl.sampling._timeline import check_positive, draw_video, timeline
from mvssl.types import ClipRequest, Video


class SegmentsSampler:
    """Temporal segments (TSN, Wang et al., ECCV 2016): T equal parts of the video, a random instant of each.

    Args:
        num_frames: T.
        jitter: False takes the middles of the parts, as at test time.
        num_views: independent draws of the same video: views a, b, ...
    """

    def __init__(self, *, num_frames: int = 8, jitter: bool = True, num_views: int = 1):
        check_positive("segments", num_frames=num_frames, num_views=num_views)
        self.num_frames, self.jitter = num_frames, jitter
        self.views = tuple(chr(ord("a") + i) for i in range(num_views))

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator))
        part = line.num_frames / self.num_frames
        requests = {}
        for name in self.views:
            place = generator.random(self.num_frames) if self.jitter else np.full(self.num_frames, 0.5)
            position = np.clip((np.arange(self.num_frames) + place) * part - 0.5, 0, line.num_frames - 1)
            mask = np.ones(self.num_frames, dtype=bool)
            requests[name] = ClipRequest(line.video_id, line.time_s(position), mask=mask)
        return requests
