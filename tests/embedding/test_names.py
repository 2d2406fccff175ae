"""File names of any length and bytes: stored tables and indexes find them again."""

from __future__ import annotations

import os
from urllib.parse import quote

import numpy as np
import pytest
import torch

from mvssl.api import embed
from mvssl.embedding import Model
from mvssl.frames import SUFFIX, VideoFrames, file_name, read_frames, read_video_frames, short_name, write_frames
from mvssl.video import read_videos, write_video, write_videos

ENCODER = {"name": "frame", "backbone": "test_resnet", "mlp": [8], "dim": 16, "num_heads": 2, "hidden": 16,
           "num_layers": 1, "embedding_dim": 8}  # fmt: skip
CJK = "实验视频第一组被试者举手动作左侧摄像头" * 4
NAMES = [f"{CJK[:40]}.mp4", "[id] take[x] 50%.mp4", "a" * 250 + ".mp4", f"{CJK[:78]}.mp4", os.fsdecode(b"gr\xfcn.mp4")]


@pytest.mark.parametrize("name", NAMES)
def test_a_video_of_any_name_is_embedded_once(tmp_path, name):
    torch.manual_seed(0)
    model = Model(encoder=ENCODER, recipe={"size": 32}).eval()
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "plain.mp4", (np.full((32, 32, 3), 9 * n, np.uint8) for n in range(12)), fps=10)
    os.rename(tmp_path / "plain.mp4", os.fsencode(tmp_path / "videos") + b"/" + os.fsencode(name))
    frames = embed(model, str(tmp_path / "videos"), tmp_path / "frames", progress=False)
    assert len(frames[0].time_s) == 12
    (table,) = (tmp_path / "frames").iterdir()
    assert len(os.fsencode(table.name)) <= 140
    made = table.stat().st_mtime_ns
    again = embed(model, str(tmp_path / "videos"), tmp_path / "frames", progress=False)
    assert table.stat().st_mtime_ns == made
    np.testing.assert_array_equal(again[0].embedding, frames[0].embedding)
    assert read_frames(tmp_path / "frames").ids == frames.ids
    rows = read_videos(tmp_path / "videos")
    write_videos(rows, tmp_path / "videos" / "videos.parquet")
    assert read_videos(tmp_path / "videos") == rows


def test_short_names_stay_as_they_were_and_long_ones_differ():
    for name in ("a/b c.mp4", "grün.mp4", "x" * 100):
        assert file_name(name) == quote(name, safe="") + SUFFIX
    long = [f"{CJK}{n}.mp4" for n in range(200)]
    assert len({file_name(name) for name in long}) == 200
    assert all(file_name(name).startswith(CJK[:20]) for name in long)
    assert short_name("a" * 300).startswith("a" * 100)
    assert max(len(os.fsencode(short_name("é" * n))) for n in range(1, 300)) <= 120


def test_a_long_name_of_an_older_version_is_still_read(tmp_path):
    name = "x/" * 70 + "a.mp4"
    video = VideoFrames(name, np.arange(3), np.arange(3.0), np.ones((3, 2), np.float32))
    path = write_frames(tmp_path, video, {"model": "m"})
    older = path.rename(tmp_path / "older-name.frames.parquet")
    assert read_frames(tmp_path).ids == [name] == [read_video_frames(older)[0].video]
