"""Exact nearest neighbours in large tables: products in float32 find the candidates, float64 decides between them.

Distances are Euclidean. Equal distances go to the lowest index, whatever the machine: a product of matrices alone would
break ties by its rounding. Memory is bounded by ``CHUNK`` numbers at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHUNK = 1 << 21  # numbers of a block of distances (8 MiB in float32): stays in the cache, and its memory is used again
_EPS = float(np.finfo(np.float32).eps)


class _Table:
    """Rows prepared for the search: centred (small norms, small rounding), in float64 and augmented in float32."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        same = x is y
        x = np.asarray(x, dtype=np.float64)
        y = x if same else np.asarray(y, dtype=np.float64)
        centre = y.mean(0)
        self.x, self.y = x, y
        x = x - centre
        y = x if same else y - centre
        norm_x = np.einsum("nd,nd->n", x, x)
        norm_y = norm_x if same else np.einsum("nd,nd->n", y, y)
        largest = max(float(norm_x.max(initial=0.0)), float(norm_y.max(initial=0.0)))
        scale = largest**0.5 or 1.0  # no overflow in float32
        norm_x, norm_y = norm_x / scale**2, norm_y / scale**2
        # [x, 1, |x|^2] . [-2 y, |y|^2, 1] = |x - y|^2 in one product
        size = x.shape[1]
        self.left, self.right = (np.ones((len(rows), size + 2), dtype=np.float32) for rows in (x, y))
        self.left[:, :size], self.left[:, size + 1] = x / scale, norm_x
        self.right[:, :size], self.right[:, size] = y * (-2 / scale), norm_y
        furthest = float(norm_y.max(initial=0.0)) ** 0.5
        # twice the error bound of one float32 product of D + 2 terms
        self.slack = (2 * _EPS * (size + 8) * (np.sqrt(norm_x) + furthest) ** 2).astype(np.float32)

    def block(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
        return self.left[rows] @ self.right[columns].T

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
    table = _Table(x, y)
    found = np.empty((len(table.left), len(lengths)), dtype=np.int64)
    for rows in _row_blocks(len(table.left), len(table.right)):
        found[rows] = _of_rows(table, table.block(rows), rows.start, 0, lengths)
    return found


def nearest_between(tables: Sequence[np.ndarray]) -> np.ndarray:
    """``nearest_in_each`` of all tables in all tables but the own; each distance serves both directions.

    Args:
        tables: J arrays (n_j, D), e.g. the frames of each video.

    Returns:
        (sum of n_j, J) int64: for each row of each table, index of the nearest row of each other table; equal distances
        give the lowest. The column of the own table holds zeros.
    """
    lengths = np.array([len(rows) for rows in tables])
    everything = np.concatenate(tables)
    if lengths.max() ** 2 > 8 * CHUNK:  # one pair of tables would not fit into a block
        return nearest_in_each(everything, everything, lengths)
    ends = np.cumsum(lengths)
    table = _Table(everything, everything)
    found = np.zeros((len(everything), len(lengths)), dtype=np.int64)
    # table i against as many of the later ones as fit into a block: rows (own,), columns of tables first to stop - 1
    for i, own in enumerate(lengths):
        rows, first = slice(ends[i] - own, ends[i]), i + 1
        while first < len(lengths):
            begin = ends[first - 1]
            stop = max(first + 1, int(np.searchsorted(ends, begin + CHUNK // own, side="right")))
            columns = slice(begin, ends[stop - 1])
            # forth: for each row of table i the nearest in each of those tables
            distance = table.block(rows, columns)
            found[rows, first:stop] = _of_rows(table, distance, rows.start, begin, lengths[first:stop])
            # back, from the same distances (own, columns): for each row of those tables the nearest in table i. Candidates are
            # all that float32 cannot tell from the least; sorted by column, as ``_closest`` wants its keys
            row, column = np.divmod(
                np.flatnonzero(distance <= distance.min(0) + table.slack[columns]), distance.shape[1]
            )
            order = np.argsort(column, kind="stable")
            row, column = row[order], column[order]
            found[columns, i] = _closest(table, column + begin, row + rows.start, column) - rows.start
            first = stop
    return found


def _of_rows(table: _Table, distance: np.ndarray, row: int, column: int, lengths: np.ndarray) -> np.ndarray:
    """Nearest column within each piece for each row of a block that begins at (row, column): (rows, J)."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    limit = np.minimum.reduceat(distance, starts, axis=1) + table.slack[row : row + len(distance), None]
    near = np.flatnonzero(distance <= np.repeat(limit, lengths, axis=1))
    query, found = np.divmod(near, distance.shape[1])
    key = query * len(lengths) + np.repeat(np.arange(len(lengths)), lengths)[found]
    return _closest(table, query + row, found + column, key).reshape(-1, len(lengths)) - (starts + column)


def _closest(table: _Table, query: np.ndarray, found: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Of candidates (rows of x, rows of y) sorted by key, the nearest of each key; equal distances give the lowest."""
    first = np.flatnonzero(np.diff(key, prepend=-1))
    best = found[first]
    number = np.diff(first, append=len(key))
    if (number > 1).any():
        several = np.repeat(number > 1, number)
        query, found, key = query[several], found[several], key[several]
        order = np.lexsort((found, table.exact(query, found), key))
        best[number > 1] = found[order[np.flatnonzero(np.diff(key[order], prepend=-1))]]
    return best


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
