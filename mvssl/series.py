"""Rows in order of time: which is shown at an instant, how far apart they are, what they are at unit length."""

from __future__ import annotations

import numpy as np

SLACK_S = 1e-4  # an instant this much before a frame's own time is that frame's: times are rounded on their way


def shown_at(times_s: np.ndarray, at_s: np.ndarray | float) -> np.ndarray:
    """The frame on screen at each instant: the last one that has begun; before the first one, the first.

    Args:
        times_s: (T,) presentation times, rising, T >= 1.
        at_s: (...) instants on the same clock.

    Returns:
        (...) int64 rows of ``times_s``.
    """
    return np.maximum(np.searchsorted(times_s, np.asarray(at_s) + SLACK_S, side="right") - 1, 0)


def median_step(times: np.ndarray, *, alone: float = 0.0) -> float:
    """Median distance of neighbours in (T,) times or frame numbers; ``alone`` where there are fewer than two."""
    return float(np.median(np.diff(times))) if len(times) > 1 else alone


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """(..., D) rows scaled to unit length, floating point as it comes; a row of zeros stays."""
    rows = np.asarray(rows)
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norm, out=np.zeros(rows.shape, np.result_type(rows, norm)), where=norm > 0)
