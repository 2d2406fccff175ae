"""Exact nearest neighbours in large tables: products in float32 find the candidates, float64 decides between them.

Distances are Euclidean. Equal distances go to the lowest index, whatever the machine: a product of matrices alone would
break ties by its rounding. Memory is bounded by ``CHUNK`` numbers at a time.
"""

from __future__ import annotations

import numpy as np

CHUNK = 1 << 21  # numbers of a block of distances (8 MiB in float32): stays in the cache, and its memory is used again
_EPS = float(np.finfo(np.float32).eps)


class _Table:
    """Rows prepared for the search: centred (small norms, small rounding), in float64 and augmented in float32."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        centre = y.mean(0)
        self.x, self.y = x, y
        x, y = x - centre, y - centre
        norm_x, norm_y = (x**2).sum(1), (y**2).sum(1)
        scale = (
            max(float(norm_x.max(initial=0.0)), float(norm_y.max(initial=0.0))) ** 0.5 or 1.0
        )  # no overflow in float32
        x, y, norm_x, norm_y = x / scale, y / scale, norm_x / scale**2, norm_y / scale**2
        # [x, 1] . [-2 y, |y|^2] = |x - y|^2 - |x|^2: the order of the distances in one product
        self.left = np.concatenate([x, np.ones((len(x), 1))], axis=1).astype(np.float32)
        self.right = np.concatenate([-2 * y, norm_y[:, None]], axis=1).astype(np.float32)
        largest = float(norm_y.max(initial=0.0))
        # twice the error bound of one float32 product of D + 1 terms
        self.slack = (2 * _EPS * (x.shape[1] + 6) * (2 * np.sqrt(norm_x * largest) + largest)).astype(np.float32)

    def block(self, rows: slice) -> np.ndarray:
        return self.left[rows] @ self.right.T

    def exact(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Squared distances of listed pairs, in float64, by plain subtraction."""
        out = np.empty(len(rows))
        step = max(1, CHUNK // (4 * self.x.shape[1]))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            out[part] = ((self.x[rows[part]] - self.y[cols[part]]) ** 2).sum(1)
        return out


def _row_blocks(num_rows: int, num_columns: int):
    step = max(1, CHUNK // max(num_columns, 1))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def nearest_in_each(x: np.ndarray, y: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The nearest row within each piece of ``y``, for each row of ``x``.

    Args:
        x: (n, D) queries.
        y: (m, D) pieces one after the other, e.g. the frames of many videos.
        lengths: (J,) rows of each piece, all positive, sum m.

    Returns:
        (n, J) int64: index within the piece; equal distances give the lowest.
    """
    lengths = np.asarray(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    piece_of = np.repeat(np.arange(len(lengths)), lengths)
    table = _Table(x, y)
    found = np.empty((len(table.left), len(lengths)), dtype=np.int64)
    for rows in _row_blocks(len(table.left), len(table.right)):
        distance = table.block(rows)
        limit = np.minimum.reduceat(distance, starts, axis=1) + table.slack[rows, None]
        candidates = np.flatnonzero(distance <= np.repeat(limit, lengths, axis=1))
        row, column = np.divmod(candidates, len(table.right))
        key = row * len(lengths) + piece_of[column]  # sorted, each value at least once
        first = np.flatnonzero(np.diff(key, prepend=-1))
        best = column[first]
        unsure = np.diff(first, append=len(key)) > 1
        if unsure.any():
            several = np.repeat(unsure, np.diff(first, append=len(key)))
            row, column, key = row[several], column[several], key[several]
            exact = table.exact(row + rows.start, column)
            order = np.lexsort((column, exact, key))
            best[unsure] = column[order[np.flatnonzero(np.diff(key[order], prepend=-1))]]
        found[rows] = best.reshape(-1, len(lengths)) - starts
    return found


def nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row of ``y`` (m, D) nearest to each row of ``x`` (n, D): (n,) int64, the lowest index among equals."""
    return nearest_in_each(x, y, np.array([len(y)]))[:, 0]


def top_k(
    x: np.ndarray, y: np.ndarray, k: int, *, group_x: np.ndarray | None = None, group_y: np.ndarray | None = None
):
    """The ``k`` nearest rows of ``y`` for each row of ``x``, without those of the query's own group.

    Args:
        x: (n, D) queries.
        y: (m, D) gallery.
        k: how many.
        group_x: (n,) group of each query; with ``group_y``, rows of the same group are left out.
        group_y: (m,) group of each row of the gallery.

    Returns:
        index (n, k) int64, nearest first, equal distances in order of index, -1 where fewer than k rows are allowed;
        distance (n, k) float64 Euclidean, inf there.
    """
    table = _Table(x, y)
    index = np.full((len(table.left), k), -1, dtype=np.int64)
    distance = np.full((len(table.left), k), np.inf)
    kth = min(k, len(table.right)) - 1
    for rows in _row_blocks(len(table.left), 2 * len(table.right)):
        near = table.block(rows)
        if group_x is not None and group_y is not None:
            near[np.asarray(group_x)[rows, None] == np.asarray(group_y)[None, :]] = np.inf
        limit = np.partition(near, kth, axis=1)[:, kth] + table.slack[rows]
        row, column = np.nonzero((near <= limit[:, None]) & (near < np.inf))
        exact = table.exact(row + rows.start, column)
        order = np.lexsort((column, exact, row))
        row, column, exact = row[order], column[order], exact[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        kept = rank < k
        index[row[kept] + rows.start, rank[kept]] = column[kept]
        distance[row[kept] + rows.start, rank[kept]] = np.sqrt(exact[kept])
    return index, distance
