"""The index on disk answers as the exact search does, grows, shrinks and continues."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.embedding.tables import Frames, VideoFrames, write_frames
from mvssl.errors import InputError
from mvssl.retrieval import search
from mvssl.retrieval.exact import directions
from mvssl.retrieval.lance import LanceIndex

pytest.importorskip("lancedb")


@pytest.fixture
def frames(rng):
    videos = [
        VideoFrames(f"it's {i}.mp4", np.arange(40), np.arange(40) / 10, rng.normal(size=(40, 16)).astype(np.float32))
        for i in range(8)
    ]
    return Frames(videos, {"model": "m"})


def ask(index, frames, name, row, **options):
    return index.search(directions(frames[name], centre=True)[row], exclude=(name,), **options)


def test_small_tables_are_searched_exactly(frames, tmp_path):
    index = LanceIndex(tmp_path / "index.lance")
    with pytest.raises(InputError, match="empty"):
        index.search(np.ones(16))
    for video in frames:
        index.add(video)
    index.build()
    found = ask(index, frames, "it's 3.mp4", 12, k=10)
    exact = search(frames, "it's 3.mp4@1.2s", k=10)
    assert [(m.video, m.time_s, m.frame) for m in found] == [(m.video, m.time_s, m.frame) for m in exact]
    np.testing.assert_allclose([m.distance for m in found], [m.distance for m in exact], atol=1e-5)


def test_videos_come_and_go(frames, tmp_path):
    index = LanceIndex(tmp_path / "index.lance")
    for video in frames:
        index.add(video)
    best = ask(index, frames, "it's 3.mp4", 12, k=1)[0]
    index.delete(best.video)
    assert len(index) == 7 * 40
    assert best.video not in index.videos()
    assert ask(index, frames, "it's 3.mp4", 12, k=1)[0].video != best.video
    again = LanceIndex(tmp_path / "index.lance")
    again.add(frames[best.video])
    again.add(frames[best.video])  # replaces, does not double
    assert len(again) == 8 * 40
    assert ask(again, frames, "it's 3.mp4", 12, k=1)[0].video == best.video


def test_an_interrupted_run_continues(frames, tmp_path):
    for video in frames:
        write_frames(tmp_path / "frames", video, {"model": "m"})
    index = LanceIndex(tmp_path / "index.lance")
    running = index.add_folder(tmp_path / "frames")
    first = [next(running) for _ in range(3)]
    del running
    rest = list(LanceIndex(tmp_path / "index.lance").add_folder(tmp_path / "frames"))
    assert sorted(first + rest) == sorted(frames.ids)
    assert len(rest) == 5
    assert len(LanceIndex(tmp_path / "index.lance")) == 8 * 40
