"""``video_path`` of a LeRobot dataset names files below its folder, with numbers of any sane width, and nothing else."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mvssl.errors import InputError
from mvssl.video import read_videos
from mvssl.video._lerobot import file_named

VALUES = {"video_key": "observation.images.top", "chunk_index": 3, "file_index": 12}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
         "videos/observation.images.top/chunk-003/file-012.mp4"),
        ("{file_index}.mp4", "12.mp4"),
        ("{file_index:d}.mp4", "12.mp4"),
        ("{file_index:01d}-{file_index:02d}-{file_index:06d}.mp4", "12-12-000012.mp4"),
        ("{file_index:010}.mp4", "0000000012.mp4"),
        ("a{{b}}.mp4", "a{b}.mp4"),
    ],
)  # fmt: skip
def test_widths_are_read(template, name):
    assert file_named(template, VALUES, where="info.json") == name


@pytest.mark.parametrize(
    "template",
    [
        "/etc/passwd",
        "../outside.mp4",
        "videos/../../outside.mp4",
        "..\\outside.mp4",
        "C:\\x.mp4",
        "\\\\server\\x.mp4",
        "{file_index:0999999999d}.mp4",
        "{file_index:33d}.mp4",
        "{video_key.__class__}",
        "{video_key!r}",
        "{video_key:>999999999}",
        "{episode_index}.mp4",
        "{0}.mp4",
        "{}.mp4",
        "{file_index",
        "{file_index:{chunk_index}d}",
        "x\0.mp4",
        7,
    ],
)
def test_everything_else_is_refused(template):
    with pytest.raises(InputError, match="video_path"):
        file_named(template, VALUES, where="info.json")


@pytest.mark.parametrize("key", ["../../x", "/etc"])
def test_a_key_cannot_lead_out(key):
    with pytest.raises(InputError, match="not below"):
        file_named("{video_key}/a.mp4", {**VALUES, "video_key": key}, where="info.json")


def test_a_dataset_that_leads_out_is_refused(tmp_path):
    (tmp_path / "meta" / "episodes").mkdir(parents=True)
    info = {
        "codebase_version": "v3.0",
        "features": {"top": {"dtype": "video"}},
        "video_path": "/etc/{file_index:03d}.mp4",
    }
    row = {"episode_index": 0, "tasks": ["x"], "videos/top/chunk_index": 0, "videos/top/file_index": 0,
           "videos/top/from_timestamp": 0.0, "videos/top/to_timestamp": 1.0}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "meta" / "episodes" / "0.parquet")
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="not below the folder"):
        read_videos(tmp_path, probe=False)
    (tmp_path / "meta" / "info.json").write_text(json.dumps({**info, "video_path": "v/{file_index:05d}.mp4"}))
    assert read_videos(tmp_path, probe=False)[0].path == str(tmp_path / "v" / "00000.mp4")
    (tmp_path / "meta" / "info.json").write_text("[1]")
    with pytest.raises(InputError, match=r"info\.json"):
        read_videos(tmp_path, probe=False)
