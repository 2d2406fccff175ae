"""Two clips of one video, close together more often than far apart."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling._timeline import Timeline, check_positive, draw_video, request, timeline
from mvssl.types import ClipRequest, Video


class CvrlSampler:
    """Two clips of T frames whose distance k follows a decreasing density (Qian et al., CVPR 2021, section 3.2).

    With N frames in the video the distance is at most m = N - (T - 1) stride, and for power q its distribution function
    is F(k) = (q + 1) / q (k / m) - 1 / q (k / m)^(q + 1), as in the authors' code; q = 1 is the paper's density
    2 / m (1 - k / m) with mean m / 3. The order of the clips is random. In a video that is too short for one clip
    both starts are uniform over it and the frames are repeated in a loop, as in the authors' code; looped frames
    are frames (mask True).

    Args:
        num_frames: T, frames of a clip.
        stride: frames from one to the next.
        power: q; large values come near to a uniform distance.
        fps: the grid that ``stride`` counts on, per second; None = the video's own frames.
    """

    views = ("a", "b")

    def __init__(self, *, num_frames: int = 16, stride: int = 2, power: float = 1.0, fps: float | None = None):
        check_positive("cvrl", num_frames=num_frames, stride=stride)
        if not power > 0:
            raise InputError(f"sampler cvrl: power must be positive, not {power}")
        self.num_frames, self.stride, self.power, self.fps = num_frames, stride, power, fps

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        line = timeline(draw_video(session, generator), fps=self.fps)
        room = line.num_frames - (self.num_frames - 1) * self.stride
        if room > 0:
            distance = min(int(distance_quantile(generator.random(), room, self.power)), room - 1)
            first = int(generator.integers(room - distance))
            starts = [first, first + distance]
            if generator.random() < 0.5:
                starts.reverse()
        else:
            starts = [int(start) for start in generator.integers(line.num_frames, size=2)]
        return {name: self._clip(line, start) for name, start in zip(self.views, starts)}

    def _clip(self, line: Timeline, start: int) -> ClipRequest:
        position = (start + np.arange(self.num_frames) * self.stride) % line.num_frames
        return request(line, position, num_frames=self.num_frames)


def distance_quantile(probability: float | np.ndarray, longest: float, power: float = 1.0) -> np.ndarray:
    """Distance k in [0, ``longest``] with F(k) = ``probability``: closed form for power 1, else bisection to 1e-12."""
    probability = np.asarray(probability, dtype=np.float64)
    if power == 1.0:
        return longest * (1.0 - np.sqrt(1.0 - probability))
    low, high = np.zeros_like(probability), np.ones_like(probability)
    for _ in range(42):
        middle = (low + high) / 2
        below = (power + 1) / power * middle - middle ** (power + 1) / power < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return longest * (low + high) / 2
