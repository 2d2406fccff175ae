"""The frames that temporal cycle consistency compares between two videos of one action."""

from __future__ import annotations

import numpy as np

from mvssl.sampling._timeline import check_positive, draw_video, request, sorted_subset, timeline
from mvssl.types import ClipRequest, Video


class TccSampler:
    """T different frames of the video at random, in order, each with its context frames (Dwibedi et al., CVPR 2019).

    One view: the other video of a pair is another sample of the same group (``BatchPlan(group_by="label")``). A video
    with fewer frames gives each once and padding (mask False). The authors' context is one frame 15 frames earlier;
    before the start of the video the first frame stands in.

    Args:
        num_frames: T.
        context_s: neighbours of each frame in seconds, 0 = the frame itself; their number is K.
    """

    views = ("a",)

    def __init__(self, *, num_frames: int = 20, context_s: tuple[float, ...] = (-0.5, 0.0)):
        check_positive("tcc", num_frames=num_frames)
        self.num_frames, self.context_s = num_frames, tuple(context_s)

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator))
        position = sorted_subset(generator, 0, line.num_frames, min(self.num_frames, line.num_frames))
        return {"a": request(line, position, num_frames=self.num_frames, offsets_s=self.context_s)}
