"""Videos of an action as rows of numbers: a curve in feature space, run through at any tempo."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.frames import VideoFrames

WIDTH = 400


@pytest.fixture
def make_video():
    def make(name, progress, *, action=0, noise=0.0, fps=10.0, seed=0, scene=0.0, **fields):
        """Frames whose embedding is the point at ``progress`` (T,) in [0, 1] of an action's curve."""
        corners = np.random.default_rng(1000 + action).normal(size=(16, WIDTH))
        rows = np.stack([np.interp(progress, np.linspace(0, 1, 16), column) for column in corners.T], axis=1)
        rows = rows + noise * np.random.default_rng(seed).normal(size=rows.shape) + scene
        frame = np.arange(len(rows))
        return VideoFrames(name, frame, frame / fps, rows.astype(np.float32), end_s=len(rows) / fps, **fields)

    return make
