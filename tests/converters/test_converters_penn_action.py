"""A miniature in the published layout: frames/0001/000001.jpg, labels/0001.mat, penn_action_labels/train/<action>/0001.npy."""

from __future__ import annotations

import importlib

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.video import open_video, read_videos


@pytest.fixture
def prepare():
    return importlib.import_module("mvssl.converters.penn_action").prepare


@pytest.fixture
def penn(tmp_path):
    source, labels = tmp_path / "Penn Action", tmp_path / "penn_action_labels"  # a space in the path
    plan = [
        ("0001", "squats", "squat", "train", [0] * 5 + [1] * 5),
        ("0013", "bowl", "bowl", "val", [0, 0, 1, 1, -1, 2, 2, 2]),
    ]
    for number, folder, stated, split, phases in plan:
        frames = source / "frames" / number
        frames.mkdir(parents=True)
        for i in range(10):
            cv2.imwrite(str(frames / f"{i + 1:06d}.jpg"), np.full((24, 32, 3), 20 * i, np.uint8))
        (source / "labels").mkdir(exist_ok=True)
        savemat(source / "labels" / f"{number}.mat", {"action": stated, "train": np.array([[1]])})
        (labels / split / folder).mkdir(parents=True)
        np.save(labels / split / folder / f"{number}.npy", np.array(phases))
    return source, labels


def test_tables_are_read_back_and_open(prepare, penn, tmp_path, capsys):
    notes = prepare(*penn, tmp_path / "out")
    videos = {video.id: video for video in read_videos(tmp_path / "out" / "videos.csv")}
    assert set(videos) == {"0001_squat", "0013_bowl"}
    assert videos["0001_squat"].label == "squat"
    assert [videos[name].split for name in ("0001_squat", "0013_bowl")] == ["train", "val"]  # not the flag in the .mat
    segments = read_segments(tmp_path / "out" / "segments.csv")
    assert segments["0001_squat"] == [(0.0, 0.2, "squat/0"), (0.2, 0.4, "squat/1")]
    with open_video(videos["0013_bowl"]) as opened:
        assert len(opened.times_s) == 10
        found = segments.at("0013_bowl", opened.times_s)
    # eight labels on ten frames: stretched by index; -1 is no label
    expected = np.array([0, 0, 1, 1, -1, 2, 2, 2])[np.linspace(0, 7, 10).round().astype(int)]
    np.testing.assert_array_equal(found, [f"bowl/{p}" if p >= 0 else "" for p in expected])
    assert notes[0].endswith("0013")
    assert "squat: 1 / 0 videos, 2 phases; published: (111, 115, 4)" in notes
    assert "2 videos (1 train, 1 val)" in capsys.readouterr().out


def test_traps_are_named(prepare, penn, tmp_path):
    source, labels = penn
    np.save(labels / "val" / "bowl" / "0099.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"labels for video 0099, but .*holds no pictures"):
        prepare(source, labels, tmp_path / "out")
    (labels / "val" / "bowl" / "0099.npy").unlink()
    savemat(source / "labels" / "0013.mat", {"action": "golf_swing"})
    with pytest.raises(InputError, match=r"in the folder of bowl, but .* says golf_swing"):
        prepare(source, labels, tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        prepare(source, tmp_path / "nothing", tmp_path / "out")
