"""Two overlapping views of one video, each an irregular subset of a random block."""

from __future__ import annotations

import math

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling._timeline import check_positive, draw_video, request, sorted_subset, timeline
from mvssl.types import ClipRequest, Video


class CarlSampler:
    """Spatio-temporal crops of CARL (Chen et al., CVPR 2022, section 3.2), as the paper means them.

    With N frames in the video and n = min(N, T), each view draws a block of ceil(r n) frames, r uniform in
    [1, ``max_stretch``], and T frames of the block without repetition, in order: steps are irregular and the tempo
    varies. The two blocks share at least ``min_overlap`` x n frames; all such places of the second block are equally
    likely. A video shorter than T gives each of its frames once and padding (mask False).

    The authors' code makes the block a multiple of the whole video, so no crop happens: that is ``carl_code``.

    Args:
        num_frames: T, frames of a view.
        max_stretch: a, the longest block in units of T frames.
        min_overlap: b, the smallest common part of the blocks in units of T frames.
        fps: the grid the frames are chosen from, per second; None = the video's own frames, as in the paper.
    """

    views = ("a", "b")

    def __init__(
        self, *, num_frames: int = 32, max_stretch: float = 1.5, min_overlap: float = 0.2, fps: float | None = None
    ):
        check_positive("carl", num_frames=num_frames, max_stretch=max_stretch)
        if not 0 <= min_overlap <= 1:
            raise InputError(f"sampler carl: min_overlap is a part of a view, 0 to 1, not {min_overlap}")
        self.num_frames, self.max_stretch, self.min_overlap, self.fps = num_frames, max_stretch, min_overlap, fps

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator), fps=self.fps)
        num = min(line.num_frames, self.num_frames)
        length = [self._block_length(line.num_frames, num, generator) for _ in self.views]
        shared = math.ceil(self.min_overlap * num)
        first = int(generator.integers(line.num_frames - length[0] + 1))
        low = max(0, first + shared - length[1])
        high = min(line.num_frames - length[1], first + length[0] - shared)
        start = (first, int(generator.integers(low, high + 1)))
        return {
            name: request(line, sorted_subset(generator, start[i], length[i], num), num_frames=self.num_frames)
            for i, name in enumerate(self.views)
        }

    def _block_length(self, total: int, num: int, generator: np.random.Generator) -> int:
        return min(total, math.ceil(generator.uniform(1.0, self.max_stretch) * num))
