"""The control: the straight line between two videos, and the error of carried borders beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvssl.alignment import TimeMap, align, linear_map, read_time_maps, transfer_labels, write_time_maps
from mvssl.alignment.borders import border_error, phase_borders, shared_borders
from mvssl.alignment.linear import unevenness
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments

LINE = np.linspace(0, 1, 50)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 100), st.floats(0, 100))
def test_the_line_runs_from_corner_to_corner(make_times, count, other, begin_s, other_begin_s):
    reference, query = make_times("a", count, begin_s), make_times("b", other, other_begin_s)
    found = linear_map(reference, query)
    assert found.mode == "linear"
    share = np.linspace(0, 1, count)
    if count > 1:
        expected = query.time_s[0] + share * np.ptp(query.time_s)
        np.testing.assert_allclose(found.query_time_s, expected, atol=1e-9)
    nearest = np.abs(query.time_s[found.query_frame] - found.query_time_s)
    assert (nearest <= 0.05 + 1e-9).all()
    assert found.from_linear_s == pytest.approx(0, abs=1e-9)
    uneven = unevenness(reference, query)
    if count > 1 and other > 1:
        np.testing.assert_allclose(uneven, np.abs(share[:, None] - np.linspace(0, 1, other)), atol=1e-5)


@pytest.fixture(scope="module")
def make_times():
    from mvssl.frames import VideoFrames

    def make(name, count, begin_s):
        frame = np.arange(count)
        return VideoFrames(name, frame, begin_s + frame / 10, np.ones((count, 2), np.float32))

    return make


def test_the_line_bends_at_pins_and_needs_frames(make_video):
    reference, query = make_video("a", LINE), make_video("b", LINE)
    found = linear_map(reference, query, pins=[(1.0, 3.0)])
    np.testing.assert_allclose(found.to_query([0.0, 0.5, 1.0, 4.9]), [0.0, 1.5, 3.0, 4.9])
    assert "not looked at" in found.verdict
    empty = query._replace(frame=np.zeros(0, int), time_s=np.zeros(0), embedding=np.zeros((0, 400), np.float32))
    with pytest.raises(InputError, match="no embedded frames"):
        linear_map(reference, empty)


def test_every_map_has_the_line_beside_it_also_turned_round_and_on_disk(make_video, tmp_path):
    reference, query = make_video("a", LINE), make_video("b", np.r_[LINE, np.ones(25)])
    found = align(reference, query)
    np.testing.assert_allclose(found.linear_query_s([0.0, 2.45, 4.9]), [0.0, 3.7, 7.4])
    expected = np.abs(found.to_query(reference.time_s, extend=True) - linear_map(reference, query).query_time_s)
    assert found.from_linear_s == pytest.approx(expected.mean(), abs=0.05)
    np.testing.assert_allclose(found.inverse().linear_query_s([0.0, 3.7, 7.4]), [0.0, 2.45, 4.9])
    path = write_time_maps(tmp_path / "align.parquet", [found])
    (back,) = read_time_maps(path)
    assert back.ref_span_s == found.ref_span_s
    assert back.from_linear_s == found.from_linear_s
    import pyarrow.parquet as pq

    column = pq.read_table(path).column("linear_query_time_s").to_numpy()
    np.testing.assert_allclose(column, found.linear_query_s(found.ref_time_s))


def test_a_map_that_knows_no_spans_takes_those_of_its_matches():
    times = np.array([1.0, 2.0, 4.0])
    found = TimeMap("a", "b", np.arange(3), times, np.arange(3), times * 2, *np.ones((2, 3)), 0.9)
    np.testing.assert_allclose(found.linear_query_s([1.0, 2.5, 4.0]), [2.0, 5.0, 8.0])
    assert found.from_linear_s == 0.0


def test_labels_are_carried_along_the_line_as_a_control(make_video):
    reference, query = make_video("a", LINE), make_video("b", LINE[::2])
    segments = Segments({"a": [Segment(0, 2.5, "up"), Segment(2.5, 5.0, "down")]})
    found = transfer_labels(linear_map(reference, query), segments, query)
    assert list(found.label) == ["up" if time_s * 2.04 < 2.5 else "down" for time_s in query.time_s]


def test_borders_that_belong_together():
    rows = [Segment(0, 1, "a"), Segment(1, 2, "b"), Segment(2, 3, "a"), Segment(3, 4, "b")]
    one, other = phase_borders(rows), phase_borders([row._replace(start_s=row.start_s + 10) for row in rows])
    assert one == {("a", "b", 0): 1, ("b", "a", 0): 2, ("a", "b", 1): 3}
    assert shared_borders(one, other).tolist() == [[1, 11], [2, 12], [3, 13]]
    assert shared_borders(one, phase_borders(rows[:3])).tolist() == [[2, 2]]  # of a to b there are two and one
    assert shared_borders(one, {}).shape == (0, 2)


def test_the_error_of_borders_stands_beside_the_lines(make_video):
    pause = np.r_[LINE[:10], np.full(30, LINE[10]), LINE[10:]]
    reference, query = make_video("a", LINE), make_video("b", pause)
    segments = Segments(
        {
            "a": [Segment(0, 2.0, "x"), Segment(2.0, 3.0, "y"), Segment(3.0, 5.0, "z")],
            "b": [Segment(0, 5.0, "x"), Segment(5.0, 6.0, "y"), Segment(6.0, 8.0, "z")],
        }
    )
    found = border_error(align(reference, query), segments)
    assert found.num_borders == 2
    assert found.aligned_s < 0.06
    line_s = np.array([2.0, 3.0]) * 7.9 / 4.9
    assert found.linear_s == pytest.approx(np.abs(line_s - [5.0, 6.0]).mean())
    assert border_error(align(reference, query), Segments({"a": segments["a"]})) is None


def test_a_border_beyond_the_matched_range_counts_from_its_end(make_video):
    """An end that was left open is no way out of a border's error."""
    time_map = linear_map(make_video("a", LINE), make_video("b", LINE))
    kept = slice(10, 41)  # 1.0 to 4.0 s of 0 to 4.9
    cut = replace(
        time_map,
        **{
            name: getattr(time_map, name)[kept]
            for name in ("ref_frame", "ref_time_s", "query_frame", "query_time_s", "cost", "confidence")
        },
    )
    rows = [Segment(0, 0.5, "x"), Segment(0.5, 4.6, "y"), Segment(4.6, 5.0, "z")]
    found = border_error(cut, Segments({"a": rows, "b": rows}))
    assert found.aligned_s == pytest.approx(((1.0 - 0.5) + (4.6 - 4.0)) / 2)
    assert found.linear_s == pytest.approx(0.0, abs=1e-6)
