"""Durations of phases, worst moments, the consensus, and tables for other programs."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from mvssl.alignment import align
from mvssl.alignment.consensus import align_to_consensus, consensus_reference
from mvssl.alignment.export import progress, write_boris, write_elan, write_progress
from mvssl.alignment.tempo import deviation_curve, tempo_table, worst_moments, write_tempo
from mvssl.converters.behaviour import read_behaviour
from mvssl.errors import InputError
from mvssl.frames import Frames
from mvssl.labels import Segment, Segments

LINE = np.linspace(0, 1, 81)
PHASES = Segments({"ref": [Segment(0, 2, "a"), Segment(2, 4, "b"), Segment(4, 8.1, "c")]})


def test_durations_follow_the_warp(make_video, tmp_path):
    reference = make_video("ref", LINE)
    slow = make_video(
        "slow", np.interp(np.arange(121), [0, 20, 80, 120], [0, 0.25, 0.5, 1])
    )  # b takes three times as long
    rows = tempo_table([align(reference, slow)], PHASES)
    assert [row.video for row in rows] == ["ref"] * 3 + ["slow"] * 3
    assert rows[3].duration_s == pytest.approx(2.0, abs=0.3)
    assert rows[4].duration_s == pytest.approx(6.0, abs=0.4)
    assert rows[4].relative == pytest.approx(3.0, abs=0.2)
    cut = tempo_table([align(reference, make_video("cut", LINE[30:]))], PHASES)
    assert np.isnan(cut[3].duration_s)
    text = write_tempo(tmp_path / "tempo.csv", cut).read_text().splitlines()
    assert text[4].endswith(",,") or ",," in text[4]
    with pytest.raises(InputError, match="no labels"):
        tempo_table([align(slow, reference)], PHASES)


def test_the_worst_moment_is_where_the_query_differs(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE, noise=0.05)
    rows = query.embedding.copy()
    rows[40:44] = np.random.default_rng(5).normal(size=(4, rows.shape[1]))
    found = align(reference, query._replace(embedding=rows), ends="closed")
    worst = worst_moments(found, num_moments=3)
    assert worst[0].query_time_s == pytest.approx(4.15, abs=0.4)
    assert worst[0].deviation == deviation_curve(found)[1].max()
    assert min(abs(a.ref_time_s - b.ref_time_s) for i, a in enumerate(worst) for b in worst[:i]) >= 0.5


def test_the_consensus_is_the_middle_one(make_video):
    videos = [
        make_video(name, LINE, noise=noise, seed=i)
        for i, (name, noise) in enumerate([("p", 2.0), ("q", 0.1), ("r", 2.0)])
    ]
    other = make_video("other", LINE, action=1)
    frames = Frames([*videos, other])
    name, probability = consensus_reference(frames)
    assert name == "q"
    np.testing.assert_array_equal(probability, probability.T)
    assert probability[0, 2] < probability[1, 2] + 1e-9
    reference, maps = align_to_consensus(frames)
    assert reference == "q"
    assert {m.query for m in maps} == {"p", "r", "other"}
    with pytest.raises(InputError, match="at least two"):
        consensus_reference(Frames([other]))


def test_boris_and_elan_documents_are_read_back(tmp_path):
    segments = Segments({"a.mp4": [Segment(0, 1.25, "up"), Segment(1.25, 2.5, "down & out")]})
    for path in (write_boris(tmp_path / "events.tsv", segments), write_elan(tmp_path / "a.eaf", segments, "a.mp4")):
        back, points = read_behaviour(path)
        assert dict(back) == dict(segments)
        assert points == 0
    with pytest.raises(InputError, match="no labels"):
        write_elan(tmp_path / "b.eaf", segments, "b.mp4")


def test_progress_rises_from_0_to_1(make_video, tmp_path):
    reference = make_video("ref", LINE)
    query = make_video("query", LINE**2)
    found = align(reference, query)
    values = progress(found, query)
    assert values[[0, -1]] == pytest.approx([0.0, 1.0], abs=0.02)
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(values, LINE**2, atol=0.05)
    other = make_video("other", LINE[::2])
    path = write_progress(
        tmp_path / "progress.parquet",
        [(found, query), (align(reference, other), other)],
        episode_index={"query": 7, "other": 2},
    )
    table = pq.read_table(path)
    assert table.column_names == ["index", "episode_index", "frame_index", "progress_dense"]
    assert table.column("index").to_pylist() == list(range(122))
    assert table.column("episode_index").to_pylist() == [2] * 41 + [7] * 81
    with pytest.raises(InputError, match="no episode number"):
        write_progress(tmp_path / "x.parquet", [(found, query)], episode_index={})
