"""Scanning finds what is wrong, names it, and leaves the good files usable; bad files in long runs are counted."""

import shutil

import numpy as np
import pytest

from mvssl.errors import InputError, VideoError
from mvssl.types import Video
from mvssl.video import BadFiles, backends, scan


def kinds(report):
    return {(problem.video_id, problem.kind) for problem in report.problems}


def test_a_folder_of_good_and_bad_files(clip, tmp_path, draw):
    import cv2

    names = {
        "good.mp4": "h264_bframes", "variable.mp4": "h264_variable_rate", "turned.mp4": "rotated_90",
        "one.mp4": "h264_one_frame", "joined.ts": "joined_ts", "resized.ts": "joined_new_size_ts",
    }  # fmt: skip
    for name, kind in names.items():
        shutil.copy(clip(kind).path, tmp_path / name)
    shutil.copy(clip("h264_bframes").path, tmp_path / "twin.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video")
    data = bytearray(clip("h264_bframes").path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    (tmp_path / "damaged.mp4").write_bytes(bytes(data))
    (tmp_path / "pictures").mkdir()
    for n in range(20):
        cv2.imwrite(str(tmp_path / "pictures" / f"{n:03d}.png"), draw(n))

    report = scan(tmp_path, decode=True)
    assert kinds(report) == {
        ("variable.mp4", "variable_rate"), ("turned.mp4", "rotated"), ("one.mp4", "short"), ("twin.mp4", "duplicate_content"),
        ("joined.ts", "duplicate_times"), ("resized.ts", "size_change"), ("empty.mp4", "empty"), ("text.mp4", "not_video"),
        ("damaged.mp4", "corrupt"), ("pictures", "assumed_rate"),
    }  # fmt: skip
    fatal = {problem.video_id for problem in report.problems if problem.fatal}
    assert fatal == {"joined.ts", "resized.ts", "empty.mp4", "text.mp4"}
    assert {v.id for v in report.videos} == {p.name for p in tmp_path.iterdir()} - fatal
    damage = next(problem for problem in report.problems if problem.kind == "corrupt")
    assert 0.3 < damage.time_s < 1.8
    assert "h264" in damage.message
    assert ("damaged.mp4", "corrupt") not in kinds(scan(tmp_path))  # not looked for without decode
    turned = next(v for v in report.videos if v.id == "turned.mp4")
    assert (turned.width, turned.height, turned.rotation) == (80, 112, 90)


def test_rows_are_completed_in_their_ranges(clip):
    path = str(clip("h264_long_gop").path)
    rows = [Video("a", path, start_s=0.0, end_s=1.0, label="x"), Video("b", path, start_s=1.0, end_s=2.0)]
    report = scan(rows)
    assert [(v.id, v.num_frames, v.label) for v in report.videos] == [("a", 30, "x"), ("b", 30, "")]
    assert not report.problems  # two ranges of one file are no duplicates


def error(name, kind="corrupt"):
    return VideoError(f"{name}: broken", path=name, kind=kind, time_s=1.5)


def test_policies(tmp_path):
    with pytest.raises(VideoError, match="broken"):
        BadFiles("error").set_aside(error("a"))
    skip = BadFiles("skip", limit=2)
    for name in ("a", "a", "b"):
        skip.set_aside(error(name))
    assert "a" in skip
    assert "c" not in skip
    assert skip.summary() == "corrupt: 2"
    with pytest.raises(InputError, match="more than the limit of 2"):
        skip.set_aside(error("c", "missing"))

    table = tmp_path / "out" / "quarantine.csv"
    first = BadFiles("quarantine", table=table)
    first.set_aside(error("a"))
    first.set_aside(error("a"))
    later = BadFiles("quarantine", table=table)
    assert "a" in later
    assert later.summary() == "none"  # of this run
    later.set_aside(error("b", "timeout"))
    assert [line.split(",")[:3] for line in table.read_text().splitlines()] == [
        ["path", "kind", "time_s"], ["a", "corrupt", "1.5"], ["b", "timeout", "1.5"],
    ]  # fmt: skip
    for wrong in ({"policy": "ignore"}, {"policy": "quarantine"}):
        with pytest.raises(InputError):
            BadFiles(**wrong)


def test_backends_say_why():
    rows = {row.name: row for row in backends()}
    assert list(rows) == ["pyav", "torchcodec", "decord"]
    assert rows["pyav"].available
    for row in rows.values():
        assert row.reason
        assert row.version or not row.available
