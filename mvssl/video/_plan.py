"""Which frame is on screen when: pure arithmetic on the times of a file, in whole ticks of its clock."""

from __future__ import annotations

import numpy as np

from mvssl.errors import VideoError


def to_ticks(time_s: np.ndarray | float, tick_s: float) -> np.ndarray:
    """Seconds -> the nearest tick, halves upwards: so a time that was rounded by less than half a tick still hits its frame."""
    return np.floor(np.asarray(time_s, dtype=np.float64) / tick_s + 0.5).astype(np.int64)


def shown_at(
    pts: np.ndarray,
    end_pts: int,
    time_s: np.ndarray,
    *,
    tick_s: float,
    mask=None,
    where: str = "",
    low_s: float | None = None,
):
    """Index of the frame on screen at each time: the last frame whose time is <= time + half a tick.

    Args:
        pts: (N,) ascending presentation times of the frames, ticks.
        end_pts: end of the last frame, ticks.
        time_s: (...) seconds, any order, repeats allowed.
        mask: (...) bool; where False the time may lie outside and is clamped.
        where: name of the file, for the message.
        low_s: earliest time allowed, if earlier than the first frame (the stated start of a range).

    Returns:
        (...) int64 indices into ``pts``.

    Raises:
        VideoError: kind "out_of_range", for a time before the first frame or at or after the end of the last.
    """
    time_s = np.asarray(time_s, dtype=np.float64)
    if not np.isfinite(time_s).all():
        raise VideoError(
            f"{where}: times must be finite; got {time_s[~np.isfinite(time_s)][0]}", path=where, kind="out_of_range"
        )
    ticks = to_ticks(time_s, tick_s)
    low = int(pts[0]) if low_s is None else min(int(pts[0]), int(to_ticks(low_s, tick_s)))
    outside = (ticks < low) | (ticks >= end_pts)
    if mask is not None:
        outside &= np.asarray(mask, dtype=bool)
    if outside.any():
        bad = float(time_s[outside][0])
        raise VideoError(
            f"{where}: no frame at {bad:.6f} s; frames are shown from {low * tick_s:.6f} s (included) "
            f"to {end_pts * tick_s:.6f} s (excluded). Ask inside, or mask the time.",
            path=where,
            kind="out_of_range",
            time_s=bad,
        )
    return np.clip(np.searchsorted(pts, ticks, side="right") - 1, 0, len(pts) - 1)


def range_of(
    pts: np.ndarray, end_pts: int, start_s: float, end_s: float, *, tick_s: float, where: str = ""
) -> tuple[int, int, int]:
    """Frames that belong to [start_s, end_s) of a file: those on screen at some instant of it.

    Tables round their times, so a range that begins in the last tenth of a frame begins with the next one, and one that
    ends in the first tenth of a frame ends before it.

    Returns:
        first index, index after the last, end of the range in ticks.
    """
    length = np.diff(np.append(pts, end_pts))
    start = start_s / tick_s
    first = max(int(np.searchsorted(pts, start, side="right")) - 1, 0)
    if first + 1 < len(pts) and start > pts[first] + 0.9 * length[first]:
        first += 1
    stop_pts = end_pts if end_s == float("inf") else min(end_pts, int(to_ticks(end_s, tick_s)))
    stop = int(np.searchsorted(pts, stop_pts, side="left"))
    if stop and stop_pts < pts[stop - 1] + 0.1 * length[stop - 1]:
        stop -= 1
    if start >= end_pts or stop <= first:
        raise VideoError(
            f"{where}: the range from {start_s} s to {end_s} s holds no frame; the file has frames from "
            f"{pts[0] * tick_s:.6f} s to {end_pts * tick_s:.6f} s",
            path=where,
            kind="out_of_range",
            time_s=start_s,
        )
    return first, stop, stop_pts
