"""The views that CARL's published code draws, kept to reproduce published runs."""

from __future__ import annotations

import math

import numpy as np

from mvssl.sampling._timeline import check_positive, draw_video, request, sorted_subset, timeline
from mvssl.types import ClipRequest, Video


class CarlCodeSampler:
    """Two views by the rule of the authors' loaders for Pouring, Penn Action and Kinetics.

    The block is ceil(r S) positions, r uniform in [1, ``max_stretch``] and S the length of the whole video, so it
    always starts at 0: a view is a sorted random subset of the whole video and of positions beyond its end, which are
    padding (mask False; 19 % of the slots on average at a = 1.5). Their minimum overlap has no effect here.

    Args:
        num_frames: T, frames of a view.
        max_stretch: a, their SAMPLING_REGION.
    """

    views = ("a", "b")

    def __init__(self, *, num_frames: int = 80, max_stretch: float = 1.5):
        check_positive("carl_code", num_frames=num_frames, max_stretch=max_stretch)
        self.num_frames, self.max_stretch = num_frames, max_stretch

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator))
        num = min(line.num_frames, self.num_frames)
        requests = {}
        for name in self.views:
            length = math.ceil(generator.uniform(1.0, self.max_stretch) * line.num_frames)
            requests[name] = request(line, sorted_subset(generator, 0, length, num), num_frames=self.num_frames)
        return requests
