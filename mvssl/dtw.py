"""Dynamic time warping on a matrix of costs: closed or open ends, a band, pinned moments, and the best places of a
short sequence inside a long one.

Rows are the reference (N frames), columns the query (M frames). A path is a chain of cells, each step one frame on in
the reference, in the query, or in both. With the symmetric weights of Sakoe and Chiba 1978 (a diagonal step counts
twice) every path of the whole matrix has the same total weight N + M, so that costs of different paths compare; a
frame left out at an open end pays ``skip_cost`` in place of its cost. The recursion runs over anti-diagonals, each of
them one vector operation, and never leaves numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from mvssl.errors import InputError
from mvssl.series import unit_rows

_ENTRY, _DIAGONAL, _REFERENCE, _QUERY = 0, 1, 2, 3  # how a cell was reached
SYMMETRIC = (2.0, 1.0, 1.0)  # weights of a diagonal step, a step of the reference alone, a step of the query alone
EQUAL = (1.0, 1.0, 1.0)


class WarpingPath(NamedTuple):
    """A warping path, from its first cell to its last."""

    reference: np.ndarray  # (L,) int64: rows, never falling
    query: np.ndarray  # (L,) int64: columns, never falling
    cost: float  # mean cost per unit of weight; left-out frames count with their skip cost


def dtw(
    cost: np.ndarray,
    *,
    open_ends: bool = False,
    skip_cost: float | None = None,
    band: int | None = None,
    pins: Sequence[tuple[int, int]] = (),
    step_penalty: float = 0.0,
) -> WarpingPath:
    """The cheapest path through a matrix of costs.

    Args:
        cost: (N, M) finite costs, rows the reference, columns the query.
        open_ends: the path may start anywhere in the first row or column and end anywhere in the last row or column;
            else it runs from corner to corner.
        skip_cost: what each left-out frame of an open end pays; None takes the median of ``cost``, which is about what
            two unrelated frames cost. Lower values leave more out.
        band: largest distance, in query frames, from the straight line between the corners (Sakoe and Chiba).
        pins: cells (row, column) that the path must pass, both rising.
        step_penalty: added to each step that is not diagonal; keeps the path from standing still in one of the two.

    Raises:
        InputError: an empty or non-finite matrix, pins outside it or not rising, a band that no path fits in.
    """
    cost = _checked(cost)
    num_rows, num_columns = cost.shape
    pins = [(int(row), int(column)) for row, column in pins]
    for row, column in pins:
        if not (0 <= row < num_rows and 0 <= column < num_columns):
            raise InputError(f"pin ({row}, {column}) lies outside the {num_rows} x {num_columns} frames")
    for before, after in zip(pins, pins[1:]):
        if not (after[0] > before[0] and after[1] > before[1]):
            raise InputError(f"pins {before} and {after} cross: later in the reference must be later in the query")
    if skip_cost is None:
        skip_cost = float(np.median(cost))
    if band is not None:
        cost = _banded(cost, band)

    corners = [(0, 0), *pins, (num_rows - 1, num_columns - 1)]
    paths, total, last = [], 0.0, len(corners) - 2
    for k, (start, end) in enumerate(zip(corners, corners[1:])):
        block = cost[start[0] : end[0] + 1, start[1] : end[1] + 1]
        opens, closes = open_ends and k == 0, open_ends and k == last
        rows, columns = np.arange(block.shape[0]), np.arange(block.shape[1])
        entry_row, entry_column = np.full(len(columns), np.inf), np.full(len(rows), np.inf)
        entry_row[0] = entry_column[0] = 0.0
        if opens:
            entry_row, entry_column = skip_cost * columns, skip_cost * rows
        final_row, final_column, steps = _accumulate(block, entry_row, entry_column, SYMMETRIC, step_penalty)
        stop, value = (len(rows) - 1, len(columns) - 1), float(final_row[-1])
        if closes:
            by_row, by_column = final_row + skip_cost * columns[::-1], final_column + skip_cost * rows[::-1]
            best_row, best_column = int(by_row.argmin()), int(by_column.argmin())
            if by_row[best_row] <= by_column[best_column]:
                stop, value = (len(rows) - 1, best_row), float(by_row[best_row])
            else:
                stop, value = (best_column, len(columns) - 1), float(by_column[best_column])
        if not np.isfinite(value):
            raise InputError(f"no path through {num_rows} x {num_columns} frames within a band of {band}; widen it")
        path = _backtrack(steps, *stop)
        paths.append(path[(k > 0) :] + start)
        total += value - (2.0 * float(cost[start]) if k > 0 else 0.0)  # a pin belongs to both blocks: counted once
    joined = np.concatenate(paths)
    return WarpingPath(joined[:, 0], joined[:, 1], total / (num_rows + num_columns))


def subsequence_dtw(
    cost: np.ndarray, *, num_paths: int = 1, max_cost: float = np.inf, step_penalty: float = 0.0
) -> list[WarpingPath]:
    """The places of the query (columns) that match the whole reference (rows) best, cheapest first, without overlap.

    All steps weigh the same and both ends of the query are free (Müller 2007, section 4.4). The first place is the path of
    least total cost; each further one is the path of least total cost among all paths that share no column with those
    before. So the best places stay the same however many are asked for; another set of as many places may have a lower sum,
    where it gives up the best one.

    Args:
        cost: (N, M) finite costs.
        num_paths: how many places at most.
        max_cost: places whose mean cost along the path is above this are left out. Then, of the cheapest paths to each of
            the free columns, the cheapest that is not counts.
        step_penalty: added to each step that is not diagonal.

    Returns:
        Paths with ``cost`` the mean cost along the path; may be fewer than asked.
    """
    cost = _checked(cost)
    waiting: list[tuple[float, int, _Stretch, np.ndarray]] = []  # the cheapest path of each free stretch of columns

    def offer(stretch: _Stretch) -> None:
        while (end := next(stretch.order, None)) is not None:
            if end >= len(stretch.ends):
                continue  # of a longer stretch that was cut here
            path = _backtrack(stretch.steps, cost.shape[0] - 1, end) + (0, stretch.start)
            if cost[path[:, 0], path[:, 1]].mean() <= max_cost:
                heappush(waiting, (float(stretch.ends[end]), stretch.start + end, stretch, path))
                return

    offer(_stretch(cost, 0, cost.shape[1], step_penalty))
    found: list[WarpingPath] = []
    while waiting and len(found) < num_paths:
        _, end, stretch, path = heappop(waiting)
        found.append(WarpingPath(path[:, 0], path[:, 1], float(cost[path[:, 0], path[:, 1]].mean())))
        before = (
            int(path[0, 1]) - stretch.start
        )  # no path that ends before this one reaches into it: all stay as they are
        offer(stretch._replace(ends=stretch.ends[:before]))
        if end + 1 < stretch.start + len(stretch.ends):
            offer(_stretch(cost, end + 1, stretch.start + len(stretch.ends), step_penalty))
    return found


class _Stretch(NamedTuple):
    """Free columns and the cheapest path to each of them from within."""

    start: int  # first column
    ends: np.ndarray  # (m,) total cost of the cheapest path that ends in each column
    steps: np.ndarray  # (N, at least m) how each cell was reached
    order: Iterator[int]  # columns by that cost, those that were looked at left out


def _stretch(cost: np.ndarray, start: int, stop: int, step_penalty: float) -> _Stretch:
    entry_column = np.full(cost.shape[0], np.inf)
    entry_column[0] = 0.0
    ends, _, steps = _accumulate(cost[:, start:stop], np.zeros(stop - start), entry_column, EQUAL, step_penalty)
    return _Stretch(start, ends, steps, iter(np.argsort(ends, kind="stable").tolist()))


def cosine_cost(reference: np.ndarray, query: np.ndarray) -> np.ndarray:
    """1 - cosine of every pair of rows: (N, D), (M, D) -> (N, M) float32 in [0, 2]; a zero row is at 1 from all."""
    rows, columns = (unit_rows(each).astype(np.float32, copy=False) for each in (reference, query))
    return np.clip(1.0 - rows @ columns.T, 0.0, 2.0)


def _checked(cost: np.ndarray) -> np.ndarray:
    cost = np.ascontiguousarray(cost)
    if cost.ndim != 2 or not cost.size:
        raise InputError(f"a cost matrix of shape {cost.shape}: expected (N, M) with at least one frame on each side")
    if not np.isfinite(cost).all():
        raise InputError("the cost matrix holds values that are not finite; look for broken embeddings")
    return cost


def _banded(cost: np.ndarray, band: int) -> np.ndarray:
    num_rows, num_columns = cost.shape
    line = np.linspace(0.0, num_columns - 1.0, num_rows) if num_rows > 1 else np.zeros(1)
    outside = np.abs(np.arange(num_columns) - line[:, None]) > band
    return np.where(outside, np.inf, cost)


def _accumulate(
    cost: np.ndarray,
    entry_row: np.ndarray,
    entry_column: np.ndarray,
    weights: tuple[float, float, float],
    step_penalty: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accumulated cost of the last row (M,) and last column (N,), and how each cell was reached (N, M) uint8.

    ``entry_row`` and ``entry_column``: what a path pays that starts in the first row or column, inf = may not.
    A first cell weighs as much as a diagonal step.
    """
    num_rows, num_columns = cost.shape
    cost = np.ascontiguousarray(cost)
    flat, stride = cost.reshape(-1), max(num_columns - 1, 1)  # one anti-diagonal is a strided slice of the flat matrix
    steps = np.zeros(cost.shape, np.uint8)
    flat_steps = steps.reshape(-1)
    final_row, final_column = np.empty(num_columns), np.empty(num_rows)
    before2, before, now = (np.full(num_rows + 1, np.inf) for _ in range(3))  # value of row i at i + 1
    both, reference_alone, query_alone = weights
    for d in range(num_rows + num_columns - 1):
        low, high = max(0, d - num_columns + 1), min(num_rows - 1, d)
        cells = slice(d + low * (num_columns - 1), d + high * (num_columns - 1) + 1, stride)
        value = flat[cells].astype(np.float64)
        candidates = np.empty((4, high - low + 1))
        candidates[_ENTRY] = np.inf
        if high == d:
            candidates[_ENTRY, -1] = entry_column[d] + both * value[-1]
        if low == 0 and d < num_columns:
            candidates[_ENTRY, 0] = min(candidates[_ENTRY, 0], entry_row[d] + both * value[0])
        candidates[_DIAGONAL] = before2[low : high + 1] + both * value
        candidates[_REFERENCE] = before[low : high + 1] + reference_alone * value + step_penalty
        candidates[_QUERY] = before[low + 1 : high + 2] + query_alone * value + step_penalty
        step = candidates.argmin(0)
        flat_steps[cells] = step
        best = candidates[step, np.arange(len(step))]
        now[low + 1 : high + 2] = best
        if high == num_rows - 1:
            final_row[d - high] = best[-1]
        if d >= num_columns - 1:
            final_column[low] = best[0]
        before2, before, now = before, now, before2
    return final_row, final_column, steps


def _backtrack(steps: np.ndarray, row: int, column: int) -> np.ndarray:
    """(L, 2) cells from the first to the given one."""
    path = [(row, column)]
    while (step := steps[row, column]) != _ENTRY:
        row -= step != _QUERY
        column -= step != _REFERENCE
        path.append((row, column))
    return np.array(path[::-1], dtype=np.int64)
