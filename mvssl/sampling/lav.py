"""The frames that LAV aligns between two videos of one action."""

from __future__ import annotations

import numpy as np

from mvssl.sampling._timeline import check_positive
from mvssl.sampling.segments import SegmentsSampler
from mvssl.types import ClipRequest, Video


class LavSampler:
    """A random instant of each of T equal parts, with context frames (Haresh et al., CVPR 2021: "segment_uniform").

    One view: the other video of a pair is another sample of the same group (``BatchPlan(group_by="label")``). The
    authors' context is two frames, 15 frames apart; before the start of the video the first frame stands in.

    Args:
        num_frames: T.
        context_s: neighbours of each frame in seconds, 0 = the frame itself; their number is K.
    """

    views = ("a",)

    def __init__(self, *, num_frames: int = 20, context_s: tuple[float, ...] = (-0.5, 0.0)):
        check_positive("lav", num_frames=num_frames)
        self.num_frames, self.context_s = num_frames, tuple(context_s)
        self._segments = SegmentsSampler(num_frames=num_frames)

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        requests = self._segments(session, generator)
        return {name: found._replace(offsets_s=np.array(self.context_s)) for name, found in requests.items()}
