"""The index on disk answers as the exact search does, grows, shrinks and continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames, write_frames
from mvssl.retrieval import search
from mvssl.retrieval.lance import LanceIndex

pytest.importorskip("lancedb")


def make_video(name, rng, num_frames=40, **fields):
    rows = rng.normal(size=(num_frames, 16)).astype(np.float32)
    return VideoFrames(name, np.arange(num_frames) * 2, np.arange(num_frames) / 10, rows, path=f"root/{name}", **fields)


@pytest.fixture
def frames(rng):
    videos = [make_video(f"it's/{i}.mp4", rng, session=f"s{i // 2}", camera=f"cam{i % 2}") for i in range(8)]
    return Frames(videos, {"model": "m"})


@pytest.fixture
def index(frames, tmp_path):
    found = LanceIndex(tmp_path / "index.lance")
    found.add(frames.videos[:3], frames.metadata)
    found.add(frames.videos[3:], frames.metadata)
    return found


def same(found, exact):
    assert [m[:6] for m in found] == [m[:6] for m in exact]
    assert [m[7:] for m in found] == [m[7:] for m in exact]
    np.testing.assert_allclose([m.distance for m in found], [m.distance for m in exact], atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"query": "it's/3.mp4@1.2s"},
        {"query": "3.mp4@f24", "k": 200},  # more than there are: all places that are apart
        {"query": "it's/3.mp4@1.2s", "exclude_session": True},
        {"query": "it's/3.mp4@1.2s", "exclude_own_video": False, "merge_within_s": 0.0},
        {"query": "it's/3.mp4@1.2s", "where": {"camera": "cam0"}},
        {"query": ["it's/3.mp4@1.2s", "it's/5.mp4@0s-1s"], "minus": ["it's/1.mp4@2s"]},
        {"query": "it's/3.mp4@1s-2.5s", "k": 5},
    ],
)
def test_answers_as_the_exact_search(frames, index, options):
    options = dict(options)
    query = options.pop("query")
    found = search(index, query, **{"k": 10, **options})
    exact = search(frames, query, **{"k": 10, **options})
    same(found, exact)
    assert exact


def test_an_approximate_index_is_built_and_grows(rng, tmp_path):
    frames = Frames([make_video(f"{i:02d}.mp4", rng, 300) for i in range(40)], {"model": "m"})
    index = LanceIndex(tmp_path / "index.lance")
    index.add(frames.videos[:36], frames.metadata)
    index.build()
    index.add(frames.videos[36:], frames.metadata)
    before = search(index, "03.mp4@7s", k=10)  # the new rows are looked through
    index.build()
    after = search(index, "03.mp4@7s", k=10)
    exact = {(m.video, m.time_s) for m in search(frames, "03.mp4@7s", k=10)}
    for found in (before, after):
        assert len({(m.video, m.time_s) for m in found} & exact) >= 8
        assert "03.mp4" not in {m.video for m in found}
        assert len(found) == 10
    same(
        search(index, "38.mp4@7s", k=1, exclude_own_video=False),
        search(frames, "38.mp4@7s", k=1, exclude_own_video=False),
    )
    nearest = search(index, "05.mp4@3s-4s", k=1, exclude_own_video=False)[0]
    assert (nearest.video, nearest.start_s, nearest.end_s) == ("05.mp4", 3.0, 4.0)


def test_videos_come_and_go(frames, index, tmp_path):
    best = search(index, "it's/3.mp4@1.2s", k=1)[0]
    index.delete([best.video])
    assert len(index) == 7 * 40
    assert best.video not in index.ids()
    assert search(index, "it's/3.mp4@1.2s", k=1)[0].video != best.video
    again = LanceIndex(tmp_path / "index.lance", centre=False)
    assert again.centre  # it keeps what it was made with
    again.add([frames[best.video]], frames.metadata)
    again.add([frames[best.video]], frames.metadata)  # replaces, does not double
    assert len(again) == 8 * 40
    assert search(again, "it's/3.mp4@1.2s", k=1)[0].video == best.video


def test_what_does_not_fit_is_refused(frames, index, tmp_path):
    with pytest.raises(InputError, match="empty"):
        search(LanceIndex(tmp_path / "other.lance"), "a@1s")
    with pytest.raises(InputError, match="of model m; frames of model n"):
        index.add(frames.videos[:1], {"model": "n"})
    with pytest.raises(InputError, match="no video 'none'"):
        search(index, "none@1s")
    index.add([frames[0]._replace(video=f"{name}/it's/3.mp4", path="") for name in "xy"], frames.metadata)
    index.delete(["it's/3.mp4"])
    with pytest.raises(InputError, match="may be any of"):
        search(index, "it's/3.mp4@1s")
    with pytest.raises(InputError, match="videos are chosen by session, camera"):
        search(index, "it's/4.mp4@1s", where={"colour": "red"})


def test_a_folder_is_added_once(frames, tmp_path, monkeypatch):
    for video in frames:
        write_frames(tmp_path / "frames", video, frames.metadata)
    monkeypatch.setattr("mvssl.retrieval.lance._BATCH_ROWS", 1)
    index = LanceIndex(tmp_path / "index.lance")
    running = index.add_folder(tmp_path / "frames")
    first = [next(running) for _ in range(3)]
    running.close()
    rest = list(LanceIndex(tmp_path / "index.lance").add_folder(tmp_path / "frames"))
    assert sorted(first + rest) == frames.ids
    assert len(rest) == 5
    assert len(LanceIndex(tmp_path / "index.lance")) == 8 * 40


KILLED = """
import sys
from mvssl.retrieval import lance
lance._BATCH_ROWS = 1
for number, name in enumerate(lance.LanceIndex(sys.argv[1]).add_folder(sys.argv[2])):
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_killed_run_continues(rng, tmp_path):
    frames = Frames([make_video(f"{i:02d}.mp4", rng) for i in range(60)], {"model": "m"})
    for video in frames:
        write_frames(tmp_path / "frames", video, frames.metadata)
    words = [sys.executable, "-c", KILLED, str(tmp_path / "index.lance"), str(tmp_path / "frames")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) == 4:
                time.sleep(0.02)  # into the midst of a transaction
                os.kill(child.pid, signal.SIGKILL)
                break
    index = LanceIndex(tmp_path / "index.lance")
    there = index.ids()
    assert 5 <= len(there) < 60
    assert len(index) == 40 * len(there)  # whole videos only
    added = set(index.add_folder(tmp_path / "frames"))
    assert added == set(frames.ids) - there
    same(search(index, "07.mp4@1s", k=10), search(frames, "07.mp4@1s", k=10))


def shifted(video, by):
    """The video embedded again: other times, other numbers, one row less."""
    return video._replace(frame=video.frame[1:] + 1, time_s=video.time_s[1:] + by, embedding=-video.embedding[1:])


def test_adding_again_is_one_transaction(index, frames):
    before = index._table.version
    again = [shifted(video, 0.01) for video in frames.videos[:4]]
    index.add(again, frames.metadata)
    assert index._table.version == before + 1
    assert len(index) == 8 * 40 - 4
    for video in again:
        np.testing.assert_allclose(index.read([video.video])[0].time_s, video.time_s)
    assert len(index.read([frames.videos[7].video])[0].time_s) == 40


def test_a_reader_sees_each_video_whole_while_it_is_replaced(frames, tmp_path):
    where = tmp_path / "index.lance"
    LanceIndex(where).add(frames.videos, frames.metadata)
    done = threading.Event()
    wrong: list[int] = []

    def read():
        while not done.is_set():
            reader = LanceIndex(where)
            if len(reader.ids()) != 8 or len(reader) % 8:
                wrong.append(len(reader))

    reading = threading.Thread(target=read)
    reading.start()
    writer = LanceIndex(where)
    for number in range(15):
        writer.add([video if number % 2 else shifted(video, 0.01) for video in frames.videos], frames.metadata)
    done.set()
    reading.join()
    assert not wrong


def test_two_writers_and_a_reader(frames, tmp_path):
    """Writers that start together on an index that is not there yet, and replace each other's videos: both end well."""
    where = tmp_path / "index.lance"
    failed: list[BaseException] = []
    start = threading.Barrier(3)

    def write(by):
        try:
            writer = LanceIndex(where)
            start.wait()
            for number in range(8):
                writer.add([shifted(video, by) for video in frames.videos[number % 2 :: 2]], frames.metadata)
                writer.delete([frames.videos[0].video])
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(by,)) for by in (0.01, 0.02)]
    for thread in writers:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in writers):
        reader = LanceIndex(where)
        counts = (
            [len(video.time_s) for video in reader.read([video.video for video in frames.videos])]
            if len(reader)
            else []
        )
        assert set(counts) <= {39}
    for thread in writers:
        thread.join()
    assert not failed
    found = LanceIndex(where)
    assert found.ids() == {video.video for video in frames.videos[1:]}
    for video in frames.videos[1:]:
        times_s = found.read([video.video])[0].time_s
        assert any(np.allclose(times_s, video.time_s[1:] + by, atol=1e-9) for by in (0.01, 0.02))
