"""Which of several videos is the best reference for all."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import Frames

from .align import align
from .confidence import IMAGENET, Calibration
from .time_map import TimeMap


def consensus_reference(
    frames: Frames, *, centre: bool = True, calibration: Calibration = IMAGENET
) -> tuple[str, np.ndarray]:
    """The video that the others match best (the medoid), and the evidence of all pairs.

    Args:
        frames: two or more videos; all pairs are aligned, so keep it to a few dozen.
        centre, calibration: as in ``align``.

    Returns:
        Its id, and (V, V) symmetric probabilities of showing the same action, in the order of ``frames``; 1 on the
        diagonal. Equal sums go to the longer video, then to the first.
    """
    if len(frames) < 2:
        raise InputError(f"{len(frames)} video: a consensus needs at least two")
    probability = np.eye(len(frames))
    closeness = np.zeros(len(frames))
    for i, one in enumerate(frames):
        for j in range(i):
            found = align(one, frames[j], centre=centre, calibration=calibration)
            probability[i, j] = probability[j, i] = found.probability
            closeness[[i, j]] += found.probability * (1.0 - float(found.cost.mean()))
    lengths = np.array([float(video.time_s[-1] - video.time_s[0]) for video in frames])
    best = np.lexsort((np.arange(len(frames)), -lengths, -closeness.round(9)))[0]
    return frames[int(best)].video, probability


def align_to_consensus(
    frames: Frames, *, centre: bool = True, calibration: Calibration = IMAGENET
) -> tuple[str, list[TimeMap]]:
    """Every other video aligned to the consensus reference."""
    reference, _ = consensus_reference(frames, centre=centre, calibration=calibration)
    others = [video for video in frames if video.video != reference]
    return reference, [align(frames[reference], video, centre=centre, calibration=calibration) for video in others]
