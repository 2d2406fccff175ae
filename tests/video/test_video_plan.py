"""The arithmetic of times: against a plain reading of the rule, on random clocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import VideoError
from mvssl.video import _plan

clocks = st.sampled_from([1 / 25, 1 / 600, 1001 / 30000, 1 / 90000, 1 / 15360, 1 / 1000])


@st.composite
def files(draw):
    tick_s = draw(clocks)
    steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
    first = draw(st.integers(-1000, 10**7))
    pts = first + np.concatenate([[0], np.cumsum(steps[:-1])]).astype(np.int64)
    return tick_s, pts, int(pts[-1]) + steps[-1]


@given(files(), st.data())
@settings(deadline=None)
def test_last_frame_at_or_before_half_a_tick_later(file, data):
    tick_s, pts, end = file
    tick = data.draw(st.integers(int(pts[0]), end - 1))
    time_s = (tick + data.draw(st.floats(-0.49, 0.49))) * tick_s
    expected = max(n for n in range(len(pts)) if pts[n] <= tick)
    assert _plan.shown_at(pts, end, np.array([time_s]), tick_s=tick_s).tolist() == [expected]


@given(files())
@settings(deadline=None)
def test_every_frame_is_found_at_its_own_time(file):
    tick_s, pts, end = file
    assert _plan.shown_at(pts, end, pts * tick_s, tick_s=tick_s).tolist() == list(range(len(pts)))


@given(files(), st.floats(0.51, 1e4))
@settings(deadline=None)
def test_outside_is_refused_with_the_bounds_and_masked_times_are_clamped(file, ticks):
    tick_s, pts, end = file
    times = np.array([(pts[0] - ticks) * tick_s, (end - 0.5 + ticks) * tick_s])
    for time_s in times:
        with pytest.raises(VideoError, match="no frame at") as caught:
            _plan.shown_at(pts, end, np.array([time_s]), tick_s=tick_s, where="film.mp4")
        assert caught.value.kind == "out_of_range"
        assert f"{pts[0] * tick_s:.6f}" in str(caught.value)
        assert f"{end * tick_s:.6f}" in str(caught.value)
    shown = _plan.shown_at(pts, end, times, tick_s=tick_s, mask=np.zeros(2, bool))
    assert shown.tolist() == [0, len(pts) - 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_times_that_are_no_numbers_are_refused(bad):
    with pytest.raises(VideoError, match="finite"):
        _plan.shown_at(np.arange(3), 3, np.array([bad]), tick_s=0.1)


@given(files(), st.data())
@settings(deadline=None)
def test_pieces_of_a_file_share_no_frame_and_lose_none(file, data):
    """Cutting a file at frame times, as tables of episodes do, gives every frame to exactly one piece."""
    tick_s, pts, end = file
    cuts = sorted(data.draw(st.sets(st.integers(0, len(pts) - 1), max_size=4)) | {0})
    edges = [float(pts[n] * tick_s) for n in cuts] + [end * tick_s]
    ranges = [_plan.range_of(pts, end, a, b, tick_s=tick_s) for a, b in zip(edges, edges[1:])]
    assert [r[0] for r in ranges] == cuts
    assert [r[1] for r in ranges] == cuts[1:] + [len(pts)]


def test_a_range_begins_with_the_frame_on_screen_and_forgives_rounding():
    pts = np.arange(0, 100, 10)
    assert _plan.range_of(pts, 100, 2.5, 4.5, tick_s=0.1) == (2, 5, 45)  # frames at 2, 3, 4 s
    assert _plan.range_of(pts, 100, 2.9996, 5.0004, tick_s=0.1)[:2] == (3, 5)  # four decimals are enough
    assert _plan.range_of(pts, 100, -float("inf"), float("inf"), tick_s=0.1) == (0, 10, 100)
    for start_s, end_s in ((10.0, 12.0), (3.0, 3.0), (-5.0, -1.0)):
        with pytest.raises(VideoError, match="holds no frame"):
            _plan.range_of(pts, 100, start_s, end_s, tick_s=0.1)
