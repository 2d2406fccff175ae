"""Frame indices kept between runs: found again, never for another content, whole or not at all."""

import multiprocessing
import os
import shutil
import warnings

import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.video import build_index, cache, index_of, open_video


@pytest.fixture
def film(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "cache"))
    return shutil.copy(clip("h264_bframes").path, tmp_path / "film.mp4")


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def test_an_index_comes_back_as_it_was_without_a_scan(film, monkeypatch):
    scanned = build_index(film)
    assert same(index_of(film), scanned)
    monkeypatch.setattr(cache, "build_index", lambda *_, **__: pytest.fail("scanned again"))
    again = index_of(film)
    assert same(again, scanned)
    assert [array.dtype for array in again[4:9]] == [array.dtype for array in scanned[4:9]]
    assert len(list(cache.cache_folder().iterdir())) == 1


@pytest.mark.parametrize(
    "change", ["content", "time", "size", "broken entry", "short entry", "flipped bit", "other version"]
)
def test_an_entry_of_other_content_does_not_count(film, clip, change, monkeypatch):
    index_of(film)
    entry = next(cache.cache_folder().iterdir())
    if change == "content":  # same length and time, other bytes at the end
        status = os.stat(film)
        data = bytearray(film.read_bytes())
        data[-1] ^= 1
        film.write_bytes(bytes(data))
        os.utime(film, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(film, ns=(1, 1))
    elif change == "size":
        shutil.copy(clip("h264_no_bframes").path, film)
    elif change == "broken entry":
        entry.write_bytes(b"\x10\x00\x00\x00 not an entry at all")
    elif change == "short entry":
        entry.write_bytes(entry.read_bytes()[:-9])
    elif change == "flipped bit":  # in the times of the packets
        entry_bytes = bytearray(entry.read_bytes())
        entry_bytes[-300] ^= 1
        entry.write_bytes(bytes(entry_bytes))
    else:
        monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    scans = []
    monkeypatch.setattr(cache, "build_index", lambda path, **_: scans.append(path) or build_index(path))
    assert same(index_of(film), build_index(film))
    assert len(scans) == 1
    index_of(film)
    assert len(scans) == 1  # and the new one is kept


def _hammer(path, rounds, queue):
    for number in range(rounds):
        if number % 3 == 0:
            for entry in cache.cache_folder().glob("*.idx"):
                entry.unlink(missing_ok=True)
        queue.put(int(index_of(path).shown_pts.sum()))


def test_several_processes_share_the_cache(film):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_hammer, args=(film, 12, queue)) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside idle threads: the children only scan
        for worker in workers:
            worker.start()
    sums = [queue.get(timeout=300) for _ in range(36)]
    for worker in workers:
        worker.join(timeout=300)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert set(sums) == {int(build_index(film).shown_pts.sum())}
    assert all(path.suffix == ".idx" for path in cache.cache_folder().iterdir())  # nothing half-written is left


def test_a_cache_that_cannot_be_written_is_said_once_and_does_not_stop(film, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="MVSSL_CACHE"):
        assert same(index_of(film), build_index(film))


def test_a_given_index_must_be_that_of_the_file(film, clip):
    index = build_index(film)
    with open_video(film, index=index) as video:
        assert len(video.times_s) == 60
    with pytest.raises(VideoError, match="is that of"):
        open_video(clip("h264_ts").path, index=index)
