"""Where the frames of one video lie on the clock of another: open-ended DTW between their embeddings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..distributed import gather
from ..dtw import dtw
from ._frames import ViewFrames


class Warp(NamedTuple):
    """P pairs of sequences x and y; a frame that no path passes has no partner."""

    time_on_y_s: Tensor  # (P, T) mean time of the partners in y of each frame of x
    matched_x: Tensor  # (P, T) bool
    time_on_x_s: Tensor  # (P, S)
    matched_y: Tensor  # (P, S) bool
    cost: Tensor  # (P,) mean cost of the path, skipped ends included


@torch.no_grad()
def warp(x: ViewFrames, y: ViewFrames) -> Warp:
    """The cheapest path of every pair under 1 - cosine, both ends open. Frames in time order, padding at the end.

    A path may begin or end by standing still in one of the videos, where leaving frames out would cost about as much:
    of such a run only the cheapest cell is kept, so that frames beyond the other video's end get no partner. Where
    embeddings are not finite there is no path: no partners, and a cost of NaN.
    """
    cost = 1.0 - (x.z @ y.z.transpose(1, 2)).double().cpu().numpy()
    num_x, num_y = x.valid.sum(1).tolist(), y.valid.sum(1).tolist()
    time_x, time_y = x.time_s.cpu().numpy(), y.time_s.cpu().numpy()
    on_y, on_x = np.full(time_x.shape, np.nan), np.full(time_y.shape, np.nan)
    paid = np.zeros(len(cost))
    for p, (n, m) in enumerate(zip(num_x, num_y, strict=True)):
        if not np.isfinite(cost[p, :n, :m]).all():
            paid[p] = np.nan
            continue
        path = dtw(cost[p, :n, :m], open_ends=True)
        rows, columns = trimmed(path.reference, path.query, cost[p])
        on_y[p] = _mean_by(rows, time_y[p, columns], len(on_y[p]))
        on_x[p] = _mean_by(columns, time_x[p, rows], len(on_x[p]))
        paid[p] = path.cost
    device = x.z.device
    matched = [torch.from_numpy(np.isfinite(values)).to(device) for values in (on_y, on_x)]
    times = [torch.from_numpy(np.nan_to_num(values)).to(device) for values in (on_y, on_x)]
    return Warp(times[0], matched[0], times[1], matched[1], torch.from_numpy(paid).to(device))


def global_quantile(values: Tensor, share: float) -> Tensor:
    """Quantile of the values of all ranks, which may hold different numbers of them; +inf where there are none."""
    counts = gather(torch.tensor([len(values)], device=values.device))
    padded = values.new_full((int(counts.max()),), torch.nan)
    padded[: len(values)] = values
    everything = gather(padded)
    everything = everything[~everything.isnan()]
    return everything.quantile(share) if len(everything) else values.new_tensor(torch.inf)


def trimmed(rows: np.ndarray, columns: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The path without its standing still at both ends: cells before the cheapest of the first run (after that of the
    last) are cut; a run is the longest stretch at the end in one row or one column."""
    paid = cost[rows, columns]
    start = int(paid[: _run(rows, columns)].argmin())
    stop = len(rows) - int(paid[::-1][: _run(rows[::-1], columns[::-1])].argmin())
    return (rows[start:stop], columns[start:stop]) if start < stop else (rows, columns)


def _run(rows: np.ndarray, columns: np.ndarray) -> int:
    """How many cells from the first on stay in its row, or in its column."""
    return max(len(line) if (same := line == line[0]).all() else int(same.argmin()) for line in (rows, columns))


def _mean_by(frame: np.ndarray, value: np.ndarray, num_frames: int) -> np.ndarray:
    """Mean of the values of each frame, NaN where there are none."""
    total = np.bincount(frame, weights=value, minlength=num_frames)
    count = np.bincount(frame, minlength=num_frames)
    return np.divide(total, count, out=np.full(num_frames, np.nan), where=count > 0)
