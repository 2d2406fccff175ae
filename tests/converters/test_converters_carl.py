from __future__ import annotations

import importlib
import os
import pickle

import numpy as np
import pytest
import torch

from mvssl.errors import InputError
from mvssl.labels import read_segments


@pytest.fixture
def carl():
    return importlib.import_module("mvssl.converters.carl")


def row(name, labels, **more):
    about = {"id": 0, "name": name, "video_file": f"videos/{name}.mp4", "seq_len": len(labels)}
    return {**about, "frame_label": labels, **more}


def test_lists_with_tensors_and_arrays(carl, tmp_path):
    folder = tmp_path / "pouring"
    (folder / "videos").mkdir(parents=True)
    train = [row("a", torch.tensor([0, 0, 1, 1])), row("b", np.array([2.0, -1.0, 2.0]))]
    (folder / "train.pkl").write_bytes(pickle.dumps(train))
    (folder / "val.pkl").write_bytes(pickle.dumps([row("a", torch.tensor([0.0, 4.0]))], protocol=2))
    carl.prepare(folder, tmp_path / "out")
    segments = read_segments(tmp_path / "out" / "segments.csv")
    assert segments["train/a"] == [(0.0, 0.08, "0"), (0.08, 0.16, "1")]
    assert segments["train/b"] == [(0.0, 0.04, "2"), (0.08, 0.12, "2")]  # -1: no label
    assert segments["val/a"] == [(0.0, 0.04, "0"), (0.04, 0.08, "4")]
    table = (tmp_path / "out" / "videos.csv").read_text().splitlines()
    assert table[1].startswith("train/a,")
    assert table[1].endswith(",train,pouring")


def test_penn_action_comes_with_actions_and_index_lists(carl, tmp_path):
    folder = tmp_path / "penn_action"
    folder.mkdir()
    content = ([row("0001_squat", torch.tensor([0, 1]), action_label=10)], [[] for _ in range(13)])
    (folder / "val.pkl").write_bytes(pickle.dumps(content))
    carl.prepare(folder, tmp_path / "out")
    assert read_segments(tmp_path / "out" / "segments.csv").labels == ["squat/0", "squat/1"]


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_pickle_that_calls_something_is_refused_and_not_run(carl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.pkl").write_bytes(pickle.dumps([Harmful()]))
    with pytest.raises(InputError, match=r"wants to call (posix|nt)\.system.*not run"):
        carl.prepare(tmp_path, tmp_path / "out")
    assert not (tmp_path / "harmed").exists()
    (tmp_path / "train.pkl").write_bytes(b"\x80\x04no pickle")
    with pytest.raises(InputError, match="not a readable pickle"):
        carl.prepare(tmp_path, tmp_path / "out")


def test_contradictions_are_named(carl, tmp_path):
    (tmp_path / "train.pkl").write_bytes(pickle.dumps([{**row("a", np.zeros(3)), "seq_len": 4}]))
    with pytest.raises(InputError, match="a: 3 labels, but seq_len says 4"):
        carl.prepare(tmp_path, tmp_path / "out")
    (tmp_path / "train.pkl").write_bytes(pickle.dumps([{"name": "a"}]))
    with pytest.raises(InputError, match="without frame_label, seq_len, video_file"):
        carl.prepare(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match=r"no \.pkl files"):
        carl.prepare(tmp_path / "nothing", tmp_path / "out")
