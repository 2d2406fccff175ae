"""Whether anything moves in a video, by what its frames are embedded to."""

from __future__ import annotations

import numpy as np

from mvssl.frames import VideoFrames

STILL = 0.01  # a held picture encoded as a video measures 0.002, a moving disc 0.2


def movement(video: VideoFrames) -> float:
    """Spread of the frames around their mean, as a share of their size (root mean squares): 0 where all are equal."""
    rows = np.asarray(video.embedding, dtype=np.float64)
    size = float(np.sqrt(np.square(rows).sum(1).mean()))
    return float(np.sqrt(np.square(rows - rows.mean(0)).sum(1).mean())) / size if size > 0 else 0.0


def nothing_moves(*videos: VideoFrames) -> list[str]:
    """Words for each video in which nothing moves; empty where all move."""
    return [
        f"nothing moves in {video.video}: any moment of it matches any" for video in videos if movement(video) < STILL
    ]
