"""Dynamic time warping that can be differentiated, for batches: an anti-diagonal of the table is one tensor operation.

Both smooth minima of three predecessors r are offered:

    "soft"   -gamma log sum_k exp(-r_k / gamma)                 Cuturi and Blondel 2017
    "mean"   sum_k r_k exp(-r_k / gamma) / sum_k exp(-r_k / gamma)    Hadji et al. 2021
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor


def smooth_dtw(cost: Tensor, gamma: float, minimum: Literal["soft", "mean"] = "soft") -> Tensor:
    """Table of accumulated costs R_ij = cost_ij + smooth minimum of R_{i-1,j-1}, R_{i-1,j}, R_{i,j-1}.

    A cell depends on the cells above and to the left only: pairs of several lengths are padded at the end with any
    finite cost, and read at their own last cell.

    Args:
        cost: (P, T, S), finite.
        gamma: above 0; towards 0 both minima become the hard one.

    Returns:
        (P, T, S); differentiable once.
    """
    return _SmoothDTW.apply(cost, gamma, minimum == "mean")


def last_cell(table: Tensor, num_rows: Tensor, num_columns: Tensor) -> Tensor:
    """R at the end of every pair: (P, T, S), (P,), (P,) -> (P,)."""
    pair = torch.arange(len(table), device=table.device)
    return table[pair, num_rows - 1, num_columns - 1]


class _SmoothDTW(torch.autograd.Function):
    """Forward keeps dR / d(predecessors); backward runs the anti-diagonals in reverse with them."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, gamma: float, mean: bool) -> Tensor:
        num, t, s = cost.shape
        # the border: infinite but for the corner. Vectors over rows i (P, T + 1), the first entry is the row above the table
        diagonals = _skew(cost)  # (K, P, T): cell (i, j) at [i + j, :, i]
        before = cost.new_full((num, t + 1), torch.inf)  # of the diagonal before last, shifted: entry i + 1 is row i
        last = before.clone()
        before[:, 0] = 0.0  # the path enters the first cell from here
        tiny = torch.finfo(cost.dtype).tiny
        tables, slopes = [], []
        for diagonal in diagonals:
            # the three predecessors of each cell (i, j) of this diagonal, (P, T, 3): (i-1, j-1), (i-1, j), (i, j-1)
            r = torch.stack([before[:, :-1], last[:, :-1], last[:, 1:]], -1)
            # softmin weights, shifted by the lowest so that nothing underflows; a cell without predecessor has total 0
            lowest = r.amin(-1, keepdim=True)
            lowest = torch.where(lowest.isfinite(), lowest, 0.0)  # a cell outside the table has no predecessor
            weight = torch.exp((lowest - r) / gamma)
            total = weight.sum(-1, keepdim=True)
            share = weight / total.clamp(min=tiny)
            # value (P, T, 1), and its derivatives by the three predecessors, which backward multiplies along the paths
            if mean:
                known = torch.where(r.isfinite(), r, 0.0)
                value = (share * known).sum(-1, keepdim=True)
                slopes.append(share * (1.0 - (known - value) / gamma))
            else:
                value = lowest - gamma * total.log()
                slopes.append(share)
            # accumulated cost R (P, T) of this diagonal; the last two diagonals are all that the next one needs
            value = torch.where(total > 0, value, torch.inf).squeeze(-1) + diagonal
            tables.append(value)
            before, last = last, torch.cat([torch.full_like(before[:, :1], torch.inf), value], 1)
        ctx.save_for_backward(torch.stack(slopes))
        ctx.shape = (t, s)
        return _unskew(torch.stack(tables), t, s)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        t, s = ctx.shape
        # flow (K, P, T): dL / dR of each cell, and so of its cost: what comes from above, and what its up to three successors
        # pass back
        own = _skew(grads[0], outside=0.0)
        flow = torch.zeros_like(own)
        for k in range(len(own) - 1, -1, -1):
            total = own[k].clone()
            if k + 1 < len(own):
                following, slope = flow[k + 1], slopes[k + 1]
                # from below (i+1, j) and from the right (i, j+1), one diagonal on
                total[:, :-1] += following[:, 1:] * slope[:, 1:, 1]
                total += following * slope[..., 2]
            if k + 2 < len(own):
                # from (i+1, j+1), two diagonals on
                total[:, :-1] += flow[k + 2][:, 1:] * slopes[k + 2][:, 1:, 0]
            flow[k] = total
        return _unskew(flow, t, s), None, None


def _skew(table: Tensor, outside: float = torch.inf) -> Tensor:
    """(P, T, S) -> (T + S - 1, P, T): cell (i, j) at [i + j, :, i], ``outside`` where the diagonal leaves the table."""
    _, t, s = table.shape
    column = torch.arange(t + s - 1, device=table.device)[None, :] - torch.arange(t, device=table.device)[:, None]
    inside = (column >= 0) & (column < s)
    index = column.clamp(0, s - 1).expand(len(table), -1, -1)
    return torch.where(inside, table.gather(2, index), outside).permute(2, 0, 1)


def _unskew(diagonals: Tensor, t: int, s: int) -> Tensor:
    """The inverse of ``_skew``: (T + S - 1, P, T) -> (P, T, S)."""
    index = torch.arange(t, device=diagonals.device)[:, None] + torch.arange(s, device=diagonals.device)
    by_row = diagonals.permute(1, 2, 0)
    return by_row.gather(2, index.expand(by_row.shape[0], -1, -1))
