"""The path of an alignment: against every path of small matrices, and on pairs whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.alignment import align
from mvssl.alignment.warping import CHEAPER, CLOSE, STEP_PENALTY, TEMPO, WEAK, warped
from mvssl.dtw import dtw
from mvssl.errors import InputError

LINE = np.linspace(0, 1, 80)


def paths(num_rows, num_columns, starts, ends):
    stack = [[start] for start in starts]
    while stack:
        path = stack.pop()
        if path[-1] in ends:
            yield path
        for step in ((1, 1), (1, 0), (0, 1)):
            cell = (path[-1][0] + step[0], path[-1][1] + step[1])
            if cell[0] < num_rows and cell[1] < num_columns:
                stack.append([*path, cell])


def total(cost, path, penalty, skip):
    """Symmetric weights, a penalty for steps in one video alone, and a price for frames left out at the ends."""
    value = 2 * cost[path[0]] + skip * (sum(path[0]) + cost.shape[0] + cost.shape[1] - 2 - sum(path[-1]))
    for before, now in zip(path, path[1:]):
        diagonal = now[0] > before[0] and now[1] > before[1]
        value += 2 * cost[now] if diagonal else cost[now] + penalty
    return value


def by_hand(cost, uneven, tempo):
    """The rule of ``warped`` with every path tried: cells of the closed path, and whether open ends are cheap enough."""
    num_rows, num_columns = cost.shape
    unrelated = np.median(cost)
    penalty, first, last = STEP_PENALTY * unrelated, (0, 0), (num_rows - 1, num_columns - 1)
    closed = list(paths(num_rows, num_columns, [first], {last}))
    plain = min(closed, key=lambda path: total(cost, path, penalty, 0))
    contrast = 1 - np.mean([cost[cell] for cell in plain]) / unrelated
    prior = tempo * TEMPO * (WEAK / max(contrast, WEAK / 10)) ** 2 * unrelated * uneven
    best = min(closed, key=lambda path: total(cost + prior, path, penalty, 0))
    starts = {(0, j) for j in range(num_columns)} | {(i, 0) for i in range(num_rows)}
    stops = {(last[0], j) for j in range(num_columns)} | {(i, last[1]) for i in range(num_rows)}
    free = min(
        (path for start in starts for path in paths(num_rows, num_columns, [start], stops)),
        key=lambda path: total(cost, path, penalty, unrelated),
    )
    opens = total(cost, free, penalty, unrelated) < (1 - CHEAPER) * total(cost, plain, penalty, 0)
    return best, free, opens


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 30.0]))
def test_prior_and_ends_equal_the_best_of_all_paths(num_rows, num_columns, seed, tempo):
    cost = np.random.default_rng(seed).random((num_rows, num_columns)) + 0.01
    uneven = np.abs(np.linspace(0, 1, num_rows)[:, None] - np.linspace(0, 1, num_columns))
    best, free, opens = by_hand(cost, uneven, tempo)
    found = warped(cost, uneven, ends="closed", tempo=tempo).path
    assert list(zip(found.reference.tolist(), found.query.tolist())) == best
    automatic = warped(cost, uneven, ends="auto", tempo=tempo).path
    cells = list(zip(automatic.reference.tolist(), automatic.query.tolist()))
    expected = free if opens else best
    start = expected.index(cells[0])
    assert expected[start : start + len(cells)] == cells  # all but ends in which one video stands still
    for left_out in (expected[: start + 1], expected[start + len(cells) - 1 :]):
        assert len({cell[0] for cell in left_out}) == 1 or len({cell[1] for cell in left_out}) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_standing_ends_are_left_out_exactly_where_they_cost_more_than_matches(seed):
    rng = np.random.default_rng(seed)
    cost = np.full((20, 12), 1.0)
    before, after = rng.uniform(0.0, 1.0, 2)
    diagonal = np.arange(12)
    cost[diagonal + 4, diagonal] = 0.3
    cost[:4, 0], cost[16:, 11] = before, after
    uneven = np.zeros_like(cost)
    whole = warped(cost, uneven, ends="closed").path
    found = warped(cost, uneven, ends="auto").path
    if set(zip(range(4, 16), range(12))) <= set(zip(whole.reference.tolist(), whole.query.tolist())):
        matches = np.median(cost[whole.reference, whole.query])
        limit = max(matches, CLOSE)
        opened = dtw(cost, open_ends=True, skip_cost=1.0, step_penalty=STEP_PENALTY).cost
        if opened >= (1 - CHEAPER) * whole.cost:
            assert (found.reference[0] == 0) == (before <= limit)
            assert (found.reference[-1] == 19) == (after <= limit)


def test_pinned_frames_stay_in_the_map_also_in_a_standing_end(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE[20:60], noise=0.1)
    assert align(reference, query).ref_time_s[0] > 1.5
    assert align(reference, query, pins=[(0.0, 0.0)]).ref_time_s[0] == 0.0


@pytest.mark.parametrize("ends", ["auto", "closed", "open"])
def test_identical_videos_are_the_identity(make_video, ends):
    found = align(make_video("a", LINE), make_video("b", LINE), ends=ends)
    np.testing.assert_array_equal(found.ref_time_s, found.query_time_s)
    assert len(found.ref_time_s) == len(LINE)
    assert found.from_linear_s == 0.0
    assert found.notes == ()


@pytest.mark.parametrize("count", [30, 160])
def test_linear_stretch(make_video, count):
    found = align(make_video("a", LINE), make_video("b", np.linspace(0, 1, count)))
    line_s = found.linear_query_s(found.ref_time_s)
    assert np.abs(found.query_time_s - line_s).max() <= 0.1 * max(1, count / len(LINE)) + 1e-9


def test_cut_ends_and_idle_padding(make_video):
    reference = make_video("ref", LINE)
    cut = align(reference, make_video("cut", LINE[16:70], noise=0.2))
    np.testing.assert_allclose(cut.to_query([2.0, 4.0, 6.0]), [0.4, 2.4, 4.4], atol=0.15)
    padded = np.r_[np.zeros(25), LINE, np.ones(40)]
    idle = align(reference, make_video("idle", padded, noise=0.2))
    np.testing.assert_allclose(idle.to_query([1.0, 4.0, 7.0]), [3.5, 6.5, 9.5], atol=0.15)
    np.testing.assert_allclose(cut.linear_query_s([0.0, 7.9]), [0.0, 5.3], atol=1e-9)


def test_two_cycles_are_not_shifted_by_one(make_video):
    """The second cycle of one looks like the first of the other; with open ends it may be taken for it."""
    slow, quick = np.linspace(0, 1, 60), np.linspace(0, 1, 35)
    there_and_back = lambda rise: np.r_[rise, rise[::-1]]  # noqa: E731
    one = make_video("one", np.r_[there_and_back(quick), there_and_back(slow)], noise=0.6)
    two = make_video("two", np.r_[there_and_back(slow), there_and_back(quick)], noise=0.6, seed=5)
    found = align(one, two)
    np.testing.assert_allclose(found.to_query([3.5, 7.0, 13.0]), [6.0, 12.0, 15.5], atol=0.4)


def test_without_evidence_the_map_is_the_line_and_says_so(rng, make_video):
    cost = 1.0 + 1e-4 * rng.random((60, 90)).astype(np.float32)
    uneven = np.abs(np.linspace(0, 1, 60)[:, None] - np.linspace(0, 1, 90)).astype(np.float32)
    path, notes = warped(cost, uneven)
    assert np.abs(path.reference / 59 - path.query / 89).max() < 0.02
    assert "little in common" in notes[0]
    assert "even tempo" in notes[0]
    wild = warped(cost, uneven, tempo=0.0)
    assert np.abs(wild.path.reference / 59 - wild.path.query / 89).max() > 0.02
    assert wild.notes == ()
    still = make_video("still", np.zeros(50))
    still = still._replace(embedding=np.ones_like(still.embedding))
    found = align(make_video("ref", LINE), still)
    assert found.from_linear_s < 0.06
    assert "little in common" in found.notes[0]


def test_the_fall_back_is_smooth(make_video):
    """The weaker the evidence for a bend, the nearer to the line."""
    bent = np.interp(np.linspace(0, 1, 80), [0, 0.6, 1], [0, 0.3, 1])
    away = []
    for noise in (0.0, 2.0, 8.0, 40.0):
        maps = [
            align(make_video("a", LINE, noise=noise, seed=k), make_video("b", bent, noise=noise, seed=50 + k))
            for k in range(4)
        ]
        away.append(np.mean([found.from_linear_s for found in maps]))
    assert away[0] > 1.0
    assert away[0] > away[1] > away[3]
    assert away[3] < 0.5


def test_tempo_straightens(make_video):
    pause = np.r_[LINE[:20], np.full(40, LINE[20]), LINE[20:]]
    reference, query = make_video("ref", LINE), make_video("query", pause, noise=0.3)
    away = [align(reference, query, tempo=tempo).from_linear_s for tempo in (0.0, 1e2, 1e4, 1e8)]
    assert away == sorted(away, reverse=True)
    assert away[0] > 1.0
    assert away[-1] < 0.06


def test_a_small_part_is_found_inside_the_whole(make_video):
    reference = make_video("ref", np.linspace(0, 1, 160))
    found = align(reference, make_video("query", np.linspace(0.55, 0.8, 40), noise=0.1))
    assert found.ref_time_s[0] == pytest.approx(0.55 * 15.9, abs=0.3)
    assert found.ref_time_s[-1] == pytest.approx(0.8 * 15.9, abs=0.3)


def test_wrong_settings_are_refused(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE)
    for options, words in (
        ({"ends": "ajar"}, "known are auto, open, closed"),
        ({"tempo": -1.0}, "tempo -1"),
        ({"tempo": float("nan")}, "tempo nan"),
        ({"tempo": 2.0, "ends": "open"}, "no line to hold to"),
    ):
        with pytest.raises(InputError, match=words):
            align(reference, query, **options)
