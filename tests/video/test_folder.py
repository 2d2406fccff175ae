"""Odd entries of a folder: each is counted and named, none stops the scan or leads it in a circle."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from mvssl import cli
from mvssl.video import read_videos, scan, write_video


@pytest.fixture
def odd(tmp_path):
    """One video, one folder of pictures, and one of everything that is neither."""
    root = tmp_path / "videos"
    (root / "day1").mkdir(parents=True)
    frames = np.random.default_rng(0).integers(0, 255, (10, 32, 48, 3), dtype=np.uint8)
    write_video(root / "day1" / "a.mp4", frames, fps=10)
    for folder in (
        ".trash",
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "System Volume Information",
        "__MACOSX",
        "lost+found",
    ):
        (root / folder).mkdir()
        shutil.copy(root / "day1" / "a.mp4", root / folder / "x.mp4")
    (root / "day1" / "._a.mp4").write_bytes(b"\0\5\x16\7")
    (root / ".hidden.mp4").write_bytes(b"x")
    (root / "notes.txt").write_text("x")
    (root / "README").write_text("x")
    (root / "clip.MP4.part").write_text("x")
    (root / "song.mp3").write_bytes(b"x")
    (root / "poster.png").write_bytes(b"x")
    (root / "loop").symlink_to(root)
    (root / "day1" / "other").symlink_to(tmp_path)
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (root / "broken.mp4").write_bytes(b"no video" * 9)
    (root / "empty.mp4").write_bytes(b"")
    os.mkfifo(root / "pipe.mp4")
    (root / "shots").mkdir()
    for number in range(3):
        Image.fromarray(frames[number]).save(root / "shots" / f"{number}.png")
    (root / "shots" / "Thumbs.db").write_bytes(b"x")
    return root


SKIPPED = {
    ".trash/": "hidden or system folder",
    "@eaDir/": "hidden or system folder",
    "#recycle/": "hidden or system folder",
    "$RECYCLE.BIN/": "hidden or system folder",
    "System Volume Information/": "hidden or system folder",
    "__MACOSX/": "hidden or system folder",
    "lost+found/": "hidden or system folder",
    "day1/._a.mp4": "hidden or system file",
    ".hidden.mp4": "hidden or system file",
    "shots/Thumbs.db": "hidden or system file",
    "notes.txt": "extension .txt",
    "README": "no extension",
    "clip.MP4.part": "extension .part",
    "song.mp3": "extension .mp3",
    "poster.png": "picture, not one of a folder of numbered ones alone",
    "loop/": "link to a folder, not followed; name that folder itself",
    "day1/other/": "link to a folder, not followed; name that folder itself",
    "pipe.mp4": "pipe, socket or device",
}


def test_every_entry_is_accounted_for(odd):
    report = scan(odd)
    assert [video.id for video in report.videos] == ["day1/a.mp4", "shots"]
    fatal = {problem.video_id: problem.kind for problem in report.problems if problem.fatal}
    assert fatal == {"broken.mp4": "not_video", "empty.mp4": "empty", "gone.mp4": "missing"}
    assert dict(report.skipped) == SKIPPED
    entries = sum(len(folders) + len(names) for _, folders, names in os.walk(odd))
    inside = 7 + 3 + 2  # x.mp4 in the seven folders, three pictures, the folders day1 and shots
    assert len(report.skipped) + len(fatal) + 1 + inside == entries


def test_a_folder_that_cannot_be_read_is_named(odd, monkeypatch):
    scandir = os.scandir

    def refusing(path="."):
        if not isinstance(path, int) and os.fspath(path).endswith("shots"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    report = scan(odd)
    assert [video.id for video in report.videos] == ["day1/a.mp4"]
    assert dict(report.skipped)["shots/"] == "folder that cannot be read (Permission denied)"


def test_they_are_in_what_scan_prints(odd, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mvssl", "scan", str(odd)])
    with pytest.raises(SystemExit) as found:
        cli.main()
    assert found.value.code in (0, None)
    shown = capsys.readouterr().out
    assert "2 readable videos" in shown
    assert "skipped, 18 entries" in shown
    assert "7 x hidden or system folder: #recycle/" in shown
    assert "and 2 more" in shown
    assert "1 x extension .txt: notes.txt" in shown


def test_the_same_videos_are_read_everywhere(odd):
    assert [row.id for row in read_videos(odd, probe=False)] == [
        "broken.mp4",
        "day1/a.mp4",
        "empty.mp4",
        "gone.mp4",
        "shots",
    ]
