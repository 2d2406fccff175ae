"""Dynamic time warping: against dtaidistance, against brute force, and on warps that are known."""

from __future__ import annotations

import numpy as np
import pytest
from dtaidistance import dtw as dtai
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.dtw import EQUAL, _accumulate, cosine_cost, dtw, subsequence_dtw
from mvssl.errors import InputError


def all_paths(num_rows, num_columns, start):
    """Every chain of steps from ``start`` to every cell of the last row or column."""
    stack = [[start]]
    while stack:
        path = stack.pop()
        row, column = path[-1]
        if row == num_rows - 1 or column == num_columns - 1:
            yield path
        for step in ((1, 1), (1, 0), (0, 1)):
            if row + step[0] < num_rows and column + step[1] < num_columns:
                stack.append([*path, (row + step[0], column + step[1])])


def weighed(cost, path, penalty=0.0):
    total = 2 * cost[path[0]]
    for before, now in zip(path, path[1:]):
        diagonal = now[0] > before[0] and now[1] > before[1]
        total += (2 if diagonal else 1) * cost[now] + (0 if diagonal else penalty)
    return total


def skipped(shape, path):
    return sum(path[0]) + shape[0] - 1 - path[-1][0] + shape[1] - 1 - path[-1][1]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3]))
def test_closed_and_open_ends_are_the_cheapest_of_all_paths(num_rows, num_columns, seed, penalty):
    cost = np.random.default_rng(seed).random((num_rows, num_columns))
    corner = (num_rows - 1, num_columns - 1)
    closed = [p for p in all_paths(num_rows, num_columns, (0, 0)) if p[-1] == corner]
    best = min(weighed(cost, p, penalty) for p in closed) / (num_rows + num_columns)
    found = dtw(cost, step_penalty=penalty)
    assert found.cost == pytest.approx(best)
    assert weighed(cost, list(zip(found.reference.tolist(), found.query.tolist())), penalty) == pytest.approx(
        best * (num_rows + num_columns)
    )

    starts = {(0, column) for column in range(num_columns)} | {(row, 0) for row in range(num_rows)}
    opened = [p for start in starts for p in all_paths(num_rows, num_columns, start)]
    best = min(weighed(cost, p, penalty) + 0.2 * skipped(cost.shape, p) for p in opened) / (num_rows + num_columns)
    assert dtw(cost, open_ends=True, skip_cost=0.2, step_penalty=penalty).cost == pytest.approx(best)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_accumulated_costs_equal_dtaidistance(num_rows, num_columns, seed):
    """The library knows series and equal weights only: squared differences, free ends of the query."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=num_rows), rng.normal(size=num_columns)
    theirs = dtai.warping_paths(x, y, psi=(0, 0, num_columns, 0))[1][1:, 1:] ** 2
    start = np.full(num_rows, np.inf)
    start[0] = 0.0
    last_row, last_column, _ = _accumulate((x[:, None] - y) ** 2, np.zeros(num_columns), start, EQUAL, 0.0)
    np.testing.assert_allclose(last_row, theirs[-1], atol=1e-9)
    np.testing.assert_allclose(last_column, theirs[:, -1], atol=1e-9)


def test_a_known_warp_is_found(rng):
    reference = rng.normal(size=(60, 16))
    rows = np.sort(np.r_[np.arange(60), rng.integers(0, 60, 40)])  # pauses
    path = dtw(cosine_cost(reference, reference[rows]))
    assert (rows[path.query] == path.reference).all()
    assert path.cost == pytest.approx(0, abs=1e-6)


def test_open_ends_leave_out_what_has_no_partner(rng):
    scene = rng.normal(size=(100, 16))
    path = dtw(cosine_cost(scene[:80], scene[20:]), open_ends=True, step_penalty=0.5)
    assert (path.reference == path.query + 20).all()
    assert len(path.query) == 60
    closed = dtw(cosine_cost(scene[:80], scene[20:]))
    assert closed.reference[0] == closed.query[0] == 0


def test_open_ends_without_common_ground_keep_a_path(rng):
    path = dtw(np.ones((7, 5)), open_ends=True)
    assert path.cost == pytest.approx(1.0)
    assert len(path.reference) >= 1


def test_the_band_bounds_the_path_and_refuses_the_impossible(rng):
    cost = rng.random((40, 40))
    cost[np.arange(40), np.minimum(np.arange(40) * 2, 39)] = 0  # a free road far off the diagonal
    assert np.abs(dtw(cost).query - dtw(cost).reference).max() > 15
    banded = dtw(cost, band=3)
    assert np.abs(banded.query - banded.reference).max() <= 3
    with pytest.raises(InputError, match="band"):
        dtw(rng.random((3, 40)), band=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_pins_are_passed_and_change_nothing_where_the_path_went_anyway(seed, open_ends):
    rng = np.random.default_rng(seed)
    cost = rng.random((12, 15))
    pins = [(3, 9), (8, 11)]
    path = dtw(cost, pins=pins, open_ends=open_ends)
    cells = list(zip(path.reference.tolist(), path.query.tolist()))
    assert set(pins) <= set(cells)
    steps = np.diff(np.array(cells), axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(1) >= 1).all()
    free = dtw(cost, open_ends=open_ends)
    assert path.cost >= free.cost - 1e-12
    middle = len(free.reference) // 2
    again = dtw(cost, pins=[(int(free.reference[middle]), int(free.query[middle]))], open_ends=open_ends)
    # weights differ by one cell: the pin's cell is entered afresh in the second block
    assert again.cost == pytest.approx(free.cost, abs=1e-9)


@pytest.mark.parametrize("pins", [[(3, 3), (2, 5)], [(3, 3), (5, 3)], [(12, 0)], [(0, -1)]])
def test_impossible_pins_are_refused(pins):
    with pytest.raises(InputError, match="pin"):
        dtw(np.ones((10, 10)), pins=pins)


@pytest.mark.parametrize("cost", [np.ones((0, 3)), np.ones(3), np.array([[np.nan]]), np.array([[1.0, np.inf]])])
def test_broken_matrices_are_refused(cost):
    for find in (dtw, subsequence_dtw):
        with pytest.raises(InputError, match="cost matrix"):
            find(cost)


def test_subsequences_are_found_once_each(rng):
    action, other = rng.normal(size=(15, 16)), rng.normal(size=(200, 16))
    long = other.copy()
    for start in (20, 90, 150):
        long[start : start + 15] = action
    slow = np.r_[long[:90], np.repeat(action, 2, axis=0), long[105:]]  # the second at half speed
    found = subsequence_dtw(cosine_cost(action, slow), num_paths=9, max_cost=0.3)
    bounds = sorted((int(p.query[0]), int(p.query[-1])) for p in found)
    assert [b[0] for b in bounds] in ([20, 90, 165], [20, 91, 165])
    assert bounds[0][1] == 34
    assert bounds[2][1] == 179
    assert all((p.reference[0], p.reference[-1]) == (0, 14) for p in found)


def cheapest_between(cost, start, end, penalty):
    """Total cost of the cheapest path of all rows from one column to another, cell by cell."""
    best = {}
    for row in range(len(cost)):
        for column in range(start, end + 1):
            ways = [best.get((row - 1, column - 1), np.inf)]
            ways += [best.get(before, np.inf) + penalty for before in ((row - 1, column), (row, column - 1))]
            best[row, column] = cost[row, column] + (0.0 if (row, column) == (0, start) else min(ways))
    return best[len(cost) - 1, end]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 9), st.integers(0, 10**6), st.sampled_from([0.0, 0.3]), st.sampled_from([3, 1000])
)
def test_each_place_is_the_cheapest_that_is_free(num_rows, num_columns, seed, penalty, levels):
    cost = np.random.default_rng(seed).integers(0, levels, (num_rows, num_columns)) / levels
    every = {
        (start, end): cheapest_between(cost, start, end, penalty)
        for start in range(num_columns)
        for end in range(start, num_columns)
    }
    found = subsequence_dtw(cost, num_paths=num_columns + 1, step_penalty=penalty)
    taken = []
    for path in found:
        free = [value for (a, b), value in every.items() if all(b < s or a > e for s, e in taken)]
        steps = np.diff([path.reference, path.query], axis=1)
        assert ((steps >= 0) & (steps <= 1)).all()
        assert (steps.sum(0) >= 1).all()
        assert (path.reference[0], path.reference[-1]) == (0, num_rows - 1)
        total = cost[path.reference, path.query].sum() + penalty * (steps.sum(0) == 1).sum()
        assert total == pytest.approx(min(free), abs=1e-9)
        assert path.cost == pytest.approx(cost[path.reference, path.query].mean())
        taken.append((int(path.query[0]), int(path.query[-1])))
        assert all(taken[-1][1] < s or taken[-1][0] > e for s, e in taken[:-1])
    assert sum(end - start + 1 for start, end in taken) == num_columns  # as long as a column is free there is a path
    for number in range(len(found)):  # the best places do not depend on how many are asked for
        again = subsequence_dtw(cost, num_paths=number, step_penalty=penalty)
        assert [one.query.tolist() for one in again] == [one.query.tolist() for one in found[:number]]


def test_places_above_the_limit_are_left_out_and_hide_no_others():
    cost = np.ones((3, 16))
    cost[np.repeat([0, 1, 2], 3), range(1, 10)] = 0.3  # slow: 1.5 in all, 0.3 a frame
    cost[range(3), range(12, 15)] = 0.45  # 1.35 in all, 0.45 a frame
    assert [round(path.cost, 3) for path in subsequence_dtw(cost, num_paths=1)] == [0.45]
    (only,) = subsequence_dtw(cost, num_paths=5, max_cost=0.4)
    assert (only.query[0], only.query[-1]) == (3, 7)
    assert subsequence_dtw(cost, num_paths=5, max_cost=0.2) == []


def test_cosine_cost_closed_form():
    x = np.array([[1.0, 0], [0, 0]], np.float32)
    y = np.array([[2.0, 0], [0, 3], [-1, 0]], np.float32)
    np.testing.assert_allclose(cosine_cost(x, y), [[0, 1, 2], [1, 1, 1]], atol=1e-7)
