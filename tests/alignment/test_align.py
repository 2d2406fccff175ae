"""Time maps of videos whose true correspondence is known."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.alignment import align, align_repetitions, cost_matrix, read_time_maps, write_time_maps
from mvssl.alignment import align as align_function
from mvssl.errors import InputError
from mvssl.frames import VideoFrames

LINE = np.linspace(0, 1, 80)


def test_other_tempo_and_rate_are_mapped_in_seconds(make_video):
    reference = make_video("ref", LINE, fps=10)
    warped = np.interp(np.linspace(0, 1, 150), [0, 0.5, 1], [0, 0.25, 1])
    query = make_video("query", warped, fps=25, noise=0.3, scene=5.0)
    found = align(reference, query)
    true_s = np.interp(LINE, warped, query.time_s)
    error_s = np.abs(found.to_query(reference.time_s, extend=True) - true_s)
    assert np.median(error_s) < 0.05
    assert (np.diff(found.query_time_s) >= 0).all()
    assert (np.diff(found.ref_time_s) >= 0).all()
    back = found.to_reference(found.to_query(reference.time_s[5:-5]))
    assert np.abs(back - reference.time_s[5:-5]).max() < 0.15
    assert found.looks_alike
    assert "looks like" in found.verdict
    inverse = found.inverse()
    np.testing.assert_allclose(inverse.to_query([3.0]), found.to_reference([3.0]))


def test_a_cut_query_covers_its_part_only(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE[20:60], noise=0.1)
    found = align(reference, query)
    assert found.ref_time_s[0] == pytest.approx(2.0, abs=0.2)
    assert found.ref_time_s[-1] == pytest.approx(5.9, abs=0.2)
    assert np.isnan(found.to_query([0.5, 7.5])).all()
    np.testing.assert_array_equal(
        found.to_query([0.5, 7.5], extend=True), [found.query_time_s[0], found.query_time_s[-1]]
    )
    assert align(reference, query, ends="closed").ref_time_s[0] == 0.0


def test_another_action_is_said_so_and_does_not_crash(make_video):
    reference = make_video("ref", LINE)
    other = make_video("other", LINE, action=1)
    found = align(reference, other)
    assert not found.looks_alike
    assert "not sure" in found.verdict
    same = align(reference, make_video("same", LINE[::2], noise=0.3))
    assert same.probability > found.probability
    assert same.confidence.mean() > found.confidence.mean()
    assert ((same.confidence >= 0) & (same.confidence <= 1)).all()


def test_constant_and_single_frame_videos_have_an_answer(make_video):
    reference = make_video("ref", LINE)
    for rows in (np.zeros((5, 400)), np.ones((1, 400))):
        still = VideoFrames("still", np.arange(len(rows)), np.arange(len(rows)) / 10, rows.astype(np.float32))
        found = align(reference, still)
        assert not found.looks_alike
        assert np.isfinite(found.confidence).all()


def test_pins_hold(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE)
    found = align(reference, query, pins=[(3.0, 4.0)])
    row = np.flatnonzero(np.isclose(found.ref_time_s, 3.0) & np.isclose(found.query_time_s, 4.0))
    assert len(row) == 1
    assert found.pins == ((3.0, 4.0),)
    with pytest.raises(InputError, match="pin at 9"):
        align(reference, query, pins=[(9.0, 4.0)])
    with pytest.raises(InputError, match="cross"):
        align(reference, query, pins=[(3.0, 4.0), (5.0, 2.0)])
    with pytest.raises(InputError, match="pins need"):
        align(reference, query, pins=[(3.0, 4.0)], mode="nearest")


def test_band_in_seconds(make_video):
    pause = np.r_[LINE[:20], np.full(40, LINE[20]), LINE[20:]]
    reference, query = make_video("ref", LINE), make_video("query", pause)
    free, tight = align(reference, query, ends="closed"), align(reference, query, ends="closed", band_s=1.0)
    off_line_s = lambda m: np.abs(m.query_time_s - m.ref_time_s * 11.9 / 7.9).max()  # noqa: E731
    assert off_line_s(free) > 2.0
    assert off_line_s(tight) <= 1.1


def test_nearest_ignores_order(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE[::-1])
    found = align(reference, query, mode="nearest")
    np.testing.assert_allclose(found.query_time_s, 7.9 - found.ref_time_s, atol=1e-9)
    assert found.mode == "nearest"


def test_mirror_is_used_where_it_matches_better(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE, action=1)
    mirror = make_video("query", LINE, noise=0.1)
    found = align(reference, query, mirror=mirror)
    assert found.mirrored
    assert found.looks_alike
    assert not align(reference, mirror, mirror=query).mirrored


def test_repetitions_are_found_in_order(make_video):
    reference = make_video("ref", LINE[::2])
    pieces = [make_video("x", LINE[::step], noise=0.2, seed=step).embedding for step in (2, 1, 2)]
    other = make_video("y", LINE[:30], action=1).embedding
    rows = np.concatenate([other, pieces[0], other, pieces[1], pieces[2], other])
    query = VideoFrames("long", np.arange(len(rows)), np.arange(len(rows)) / 10, rows)
    found = align_repetitions(reference, query)
    starts = [float(m.query_time_s[0]) for m in found]
    assert np.allclose(starts, [3.0, 10.0, 18.0], atol=0.3)
    assert align_repetitions(reference, make_video("other", LINE, action=2)) == []


def test_long_pairs_are_thinned_and_say_so(make_video, monkeypatch):
    module = __import__("sys").modules[align_function.__module__]
    monkeypatch.setattr(module, "MAX_CELLS", 2000)
    found = align(make_video("ref", LINE), make_video("query", LINE))
    assert "every 2. frame" in found.notes[0]
    np.testing.assert_allclose(found.to_query([2.0, 6.0]), [2.0, 6.0], atol=0.2)


def test_different_models_and_empty_videos_are_refused(make_video):
    reference = make_video("ref", LINE)
    with pytest.raises(InputError, match="same model"):
        align(reference, reference._replace(embedding=np.ones((80, 8), np.float32)))
    empty = reference._replace(frame=np.zeros(0, int), time_s=np.zeros(0), embedding=np.zeros((0, 400), np.float32))
    with pytest.raises(InputError, match="no embedded frames"):
        align(reference, empty)
    with pytest.raises(InputError, match="mode"):
        align(reference, reference, mode="dwt")


def test_centring_removes_the_scene(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE, scene=20.0)
    np.testing.assert_allclose(cost_matrix(reference, query), cost_matrix(reference, reference), atol=1e-3)
    raw = cost_matrix(reference, query, centre=False)
    assert np.abs(raw - cost_matrix(reference, reference)).mean() > 0.1


def test_tables_round_trip(make_video, tmp_path):
    reference = make_video("ref", LINE)
    maps = [
        align(reference, make_video("a", LINE[::2]), pins=[(2.0, 1.0)]),
        align(reference, make_video("b", LINE[:30]), mode="nearest"),
    ]
    path = write_time_maps(tmp_path / "out" / "align.parquet", maps)
    back = read_time_maps(path)
    for one, two in zip(maps, back, strict=True):
        for name, value in vars(one).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(two, name))
            else:
                assert value == getattr(two, name)
