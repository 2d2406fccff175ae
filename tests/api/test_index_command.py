"""``mvssl index`` follows its folder, and ``mvssl search`` answers from it."""

import sys

import numpy as np
import pytest

from mvssl import cli
from mvssl.api import index, open_index, search
from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames, file_name, write_frames
from mvssl.retrieval import ExactIndex
from mvssl.video import write_video

pytest.importorskip("lancedb")


@pytest.fixture
def videos(tmp_path, rng):
    frames = rng.integers(0, 255, (20, 32, 32, 3), dtype=np.uint8)
    found = []
    for i in range(5):
        write_video(tmp_path / f"v{i}.mp4", frames, fps=10)
        rows = rng.normal(size=(20, 8)).astype(np.float32)
        about = {"path": str(tmp_path / f"v{i}.mp4"), "camera": f"cam{i % 2}"}
        found.append(VideoFrames(f"v{i}.mp4", np.arange(20), np.arange(20) / 10, rows, **about))
    return found


def test_the_index_follows_the_folder(tmp_path, videos):
    folder = tmp_path / "frames"
    for video in videos[:3]:
        write_frames(folder, video, {"model": "m"})
    first = index(folder, progress=False)
    assert (first.num_videos, first.num_frames, first.deleted) == (3, 60, [])
    for video in videos[3:]:
        write_frames(folder, video, {"model": "m"})
    (folder / file_name("v1.mp4")).unlink()
    second = index(folder, progress=False)
    assert (second.added, second.deleted) == (["v3.mp4", "v4.mp4"], ["v1.mp4"])
    assert second.num_frames == 80
    again = index(folder, progress=False)
    assert (again.added, again.deleted) == ([], [])


def test_small_folders_are_searched_exactly_and_large_ones_by_the_index(tmp_path, videos, monkeypatch):
    folder = tmp_path / "frames"
    for video in videos[:4]:
        write_frames(folder, video, {"model": "m"})
    assert isinstance(open_index(folder), ExactIndex)
    exact = search(folder, "v0.mp4@0.5s", tmp_path / "exact", k=5)
    monkeypatch.setattr("mvssl.api._index.EXACT_ROWS", 50)
    with pytest.raises(InputError, match="run `mvssl index"):
        open_index(folder)
    index(folder, progress=False)
    disk = search(folder, "v0.mp4@0.5s", tmp_path / "disk", k=5)
    assert [m[:6] for m in disk.matches] == [m[:6] for m in exact.matches]
    by_itself = search(str(folder / "index.lance"), "v0.mp4@0.5s", tmp_path / "disk", k=5)
    assert by_itself.matches == disk.matches
    write_frames(folder, videos[4], {"model": "m"})
    with pytest.raises(InputError, match="80 of 100 frames; bring it up to date"):
        open_index(folder)


def test_search_takes_examples_conditions_and_writes_edits(tmp_path, videos, capsys, monkeypatch):
    folder = tmp_path / "frames"
    for video in videos:
        write_frames(folder, video, {"model": "m"})
    words = [
        "v0.mp4@0.5s",
        "v1.mp4@1s",
        "--minus",
        "v2.mp4@0.3s",
        "--where",
        "camera=cam1",
        "--merge",
        "0.3",
        "-k",
        "4",
    ]
    monkeypatch.setattr(sys, "argv", ["mvssl", "search", str(folder), *words, "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code in (0, None), capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"matches.{kind}" for kind in ("csv", "parquet", "edl", "otio")} | {
        "contact_sheet.png",
        "contact_sheet.html",
    }
    found = search(
        Frames(videos),
        words[:2],
        tmp_path / "out",
        k=4,
        minus=["v2.mp4@0.3s"],
        where={"camera": "cam1"},
        merge_within_s=0.3,
    )
    assert {match.video for match in found.matches} == {"v3.mp4"}
    assert (tmp_path / "out" / "matches.edl").read_text().count("FROM CLIP NAME") == len(found.matches) == 4
