"""Search on tables whose neighbours are known."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames
from mvssl.retrieval import ExactIndex, Moment, parse_moment, search, write_matches
from mvssl.retrieval.match import suppress


def video(name, rows, fps=10.0, **fields):
    rows = np.asarray(rows, dtype=np.float32)
    return VideoFrames(name, np.arange(len(rows)) * 3, np.arange(len(rows)) / fps, rows, path=f"root/{name}", **fields)


@pytest.fixture
def frames(rng):
    videos = [video(f"take/{i}.mp4", rng.normal(size=(50, 24)), session=f"s{i // 2}") for i in range(6)]
    return Frames(videos, {"model": "m"})


def test_equals_brute_force_without_merging(frames):
    found = search(frames, "take/2.mp4@1.2s", k=20, merge_within_s=0.0)
    rows = [(v.video, t, e - v.embedding.mean(0)) for v in frames for t, e in zip(v.time_s, v.embedding)]
    query = frames["take/2.mp4"].embedding[12] - frames["take/2.mp4"].embedding.mean(0)
    cosine = [
        (1 - e @ query / np.linalg.norm(e) / np.linalg.norm(query), v, t) for v, t, e in rows if v != "take/2.mp4"
    ]
    expected = sorted(cosine)[:20]
    assert [(m.video, m.time_s) for m in found] == [(v, t) for _, v, t in expected]
    np.testing.assert_allclose([m.distance for m in found], [d for d, _, _ in expected], atol=1e-5)
    assert [m.rank for m in found] == list(range(1, 21))
    assert found[0].frame == round(found[0].time_s * 10) * 3
    assert found[0].path == f"root/{found[0].video}"


def test_own_video_and_session_are_excluded_on_request(frames):
    own = search(frames, "take/2.mp4@1.2s", k=1, exclude_own_video=False)
    assert (own[0].video, own[0].time_s) == ("take/2.mp4", 1.2)
    assert own[0].distance == pytest.approx(0, abs=1e-6)
    everything = search(frames, "take/2.mp4@1.2s", k=500, merge_within_s=0)
    assert {m.video for m in everything} == set(frames.ids) - {"take/2.mp4"}
    assert len(everything) == 250
    elsewhere = search(frames, "take/2.mp4@1.2s", k=500, merge_within_s=0, exclude_session=True)
    assert {m.video for m in elsewhere} == set(frames.ids) - {"take/2.mp4", "take/3.mp4"}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=60),
    st.integers(1, 10),
    st.sampled_from([0, 0.5, 2]),
)
def test_suppression_keeps_places_apart_and_drops_nothing_else(hits, k, within):
    which, when = np.array([h[0] for h in hits], int), np.array([h[1] for h in hits]) / 4
    kept = suppress(which, when, merge_within_s=within, k=k)
    assert len(kept) <= k
    for i in range(len(hits) if len(kept) < k else kept[-1]):
        near = [j for j in kept if j < i and which[j] == which[i] and abs(when[i] - when[j]) <= within]
        assert (i in kept) == (within == 0 or not near)


def test_only_videos_that_meet_the_conditions(frames):
    found = search(frames, "take/2.mp4@1.2s", k=500, where={"session": "s0"})
    assert {m.video for m in found} == {"take/0.mp4", "take/1.mp4"}
    assert search(frames, "take/2.mp4@1.2s", where={"session": "s9"}) == []
    with pytest.raises(InputError, match="videos are chosen by"):
        search(frames, "take/2.mp4@1.2s", where={"embedding": "1"})


def test_merging_overfetches_until_k_places_are_found():
    rows = np.repeat(np.eye(4), 200, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=(800, 4))
    table = Frames([video("long", rows, fps=100), video("query", np.eye(4))])
    found = search(table, "query@0s", k=5, merge_within_s=1.0, centre=False)
    assert len(found) == 5
    times = [m.time_s for m in found]
    assert min(abs(a - b) for i, a in enumerate(times) for b in times[:i]) > 1.0


def test_a_range_finds_its_sequence_not_its_frames(rng):
    action = rng.normal(size=(20, 24))
    forward = np.concatenate([rng.normal(size=(30, 24)), np.repeat(action, 2, axis=0), rng.normal(size=(10, 24))])
    backward = np.concatenate([action[::-1], rng.normal(size=(40, 24))])
    table = Frames([video("q", action), video("fwd", forward), video("bwd", backward)])
    found = search(table, "q@0s-1.9s", k=5, centre=False)
    assert found[0].video == "fwd"
    assert (found[0].start_s, found[0].end_s) == (pytest.approx(3.0, abs=0.11), pytest.approx(6.9, abs=0.11))
    assert found[0].distance < 0.1
    assert all(m.distance > 0.3 for m in found[1:])


def test_nominated_videos_give_the_same_places(rng, monkeypatch):
    module = __import__("sys").modules["mvssl.retrieval.ranges"]
    action = rng.normal(size=(20, 24))
    others = [video(f"v{i}", rng.normal(size=(60, 24))) for i in range(30)]
    hidden = np.concatenate([rng.normal(size=(15, 24)), action + 0.1 * rng.normal(size=action.shape)])
    table = Frames([video("q", action), video("hidden", hidden), *others])
    whole = search(table, "q@0s-1.9s", k=1)
    monkeypatch.setattr(module, "ALL_VIDEOS_CELLS", 0)
    monkeypatch.setattr(module, "NOMINEES", 2)
    assert search(table, "q@0s-1.9s", k=1) == whole
    assert whole[0].video == "hidden"


def test_examples_and_counter_examples():
    rows = {"a": [1, 0, 0], "b": [0, 1, 0], "ab": [1, 1, 0], "ac": [1, 0, 1], "c": [0, 0, 1]}
    table = Frames([video(name, [row]) for name, row in rows.items()])
    both = search(table, ["a@0s", "b@0s"], k=3, centre=False)
    assert both[0].video == "ab"
    without = search(table, "a@0s", minus=["c@0s"], k=3, centre=False)
    assert [m.distance for m in without] == pytest.approx([0.5, 1.0, 1.0])
    assert without[0].video == "ab"
    plain = {m.video: m.distance for m in search(table, "a@0s", k=4, centre=False)}
    assert plain["ab"] == pytest.approx(plain["ac"])
    with pytest.raises(InputError, match="cancel"):
        search(table, "a@0s", minus=["a@0s"], centre=False)
    with pytest.raises(InputError, match="nothing to search"):
        search(table, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("take/1.mp4@1.25s", (1.25, 1.25)),
        ("1.mp4@f31", (1.0, 1.0)),
        ("take/1.mp4@1s-2.5s", (1.0, 2.5)),
        ("take/1.mp4@f30-f60", (1.0, 2.0)),
    ],
)
def test_moments_are_read(frames, text, expected):
    assert parse_moment(text, frames) == Moment("take/1.mp4", *expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("take/1.mp4", "expected"),
        ("take/1.mp4@noon", "cannot read"),
        ("take/9.mp4@1s", "no video"),
        ("mp4@1s", "no video"),
        ("take/1.mp4@f999", "no frame 999"),
        ("take/1.mp4@3s-1s", "before it starts"),
    ],
)
def test_unreadable_moments_are_refused(frames, text, words):
    with pytest.raises(InputError, match=words):
        parse_moment(text, frames)


def test_ambiguous_and_outside(frames):
    double = Frames([video("x/1.mp4", np.eye(3)), video("y/1.mp4", np.eye(3))])
    with pytest.raises(InputError, match="may be any of"):
        parse_moment("1.mp4@0s", double)
    with pytest.raises(InputError, match="outside the video"):
        search(frames, "take/1.mp4@99s")
    with pytest.raises(InputError, match="at least one match"):
        search(frames, "take/1.mp4@1s", k=0)
    other = Frames(frames.videos, {"model": "other"})
    with pytest.raises(InputError, match="another model"):
        search(frames, "take/1.mp4@1s", query_frames=other)


def test_an_index_made_before_answers_the_same(frames):
    assert search(ExactIndex(frames), "take/0.mp4@2s", k=7) == search(frames, "take/0.mp4@2s", k=7)


def test_tables_of_matches(frames, tmp_path):
    found = search(frames, "take/0.mp4@2s", k=7)
    table = pq.read_table(write_matches(tmp_path / "m.parquet", found))
    assert table.column("time_s").to_pylist() == [m.time_s for m in found]
    with write_matches(tmp_path / "m.csv", found).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == [m.video for m in found]
    with pytest.raises(InputError, match=r"\.parquet or \.csv"):
        write_matches(tmp_path / "m.txt", found)
