"""Something-Something v2 and AE2 in miniature."""

from __future__ import annotations

import importlib
import json
import pickle

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.video import read_videos


@pytest.fixture
def something(tmp_path):
    labels, videos = tmp_path / "labels", tmp_path / "videos"
    labels.mkdir()
    videos.mkdir()
    for name in ("78687", "42326", "1420"):
        (videos / f"{name}.webm").write_bytes(b"")
    train = {
        "id": "78687",
        "label": "holding potato next to vicks",
        "template": "Holding [something] next to [something]",
    }
    val = {"id": "42326", "label": "closing a box", "template": "Closing [something]", "placeholders": ["a box"]}
    files = {
        "train": [train, {**train, "id": "999"}],
        "validation": [val],
        "test": [{"id": "1420"}],
        "labels": {"Holding something next to something": "0", "Closing something": "1"},
    }
    for name, content in files.items():
        (labels / f"something-something-v2-{name}.json").write_text(json.dumps(content))
    return labels, videos


def test_something_something(something, tmp_path):
    prepare = importlib.import_module("mvssl.converters.something").prepare
    assert prepare(*something, tmp_path / "out") == 1  # 999 is not there
    found = {v.id: (v.split, v.label) for v in read_videos(tmp_path / "out" / "videos.csv", probe=False)}
    assert found == {
        "78687": ("train", "Holding something next to something"),
        "42326": ("val", "Closing something"),
        "1420": ("test", ""),
    }
    labels, videos = something
    (labels / "something-something-v2-labels.json").write_text("{}")
    with pytest.raises(InputError, match="video 78687: no class"):
        prepare(labels, videos, tmp_path / "out")
    (labels / "something-something-v2-test.json").unlink()
    (labels / "something-something-v2-labels.json").unlink()
    with pytest.raises(InputError, match=r"no something-something-v2-labels\.json"):
        prepare(labels, videos, tmp_path / "out")


def test_ae2(tmp_path):
    prepare = importlib.import_module("mvssl.converters.ae2").prepare
    source = tmp_path / "pour_milk"
    for view, name in (("ego", "e1"), ("exo", "x1"), ("exo", "x 2")):
        (source / view).mkdir(parents=True, exist_ok=True)
        (source / view / f"{name}.mp4").write_bytes(b"")
    (source / "train.csv").write_text("e1.mp4\nx1.mp4\n")
    (source / "val").mkdir()
    (source / "val" / "exo.csv").write_text("x 2\n")
    labels = {"e1": np.array([0, 0, 1]), "x1.mp4": [0, 2]}
    (source / "label.pickle").write_bytes(pickle.dumps(labels))
    assert prepare(source, tmp_path / "out") == 1  # "x 2" has no labels
    found = {v.id: (v.camera, v.split, v.label) for v in read_videos(tmp_path / "out" / "videos.csv", probe=False)}
    assert found == {
        "e1": ("ego", "train", "pour_milk"),
        "x1": ("exo", "train", "pour_milk"),
        "x 2": ("exo", "val", "pour_milk"),
    }
    segments = read_segments(tmp_path / "out" / "segments.csv")
    assert [row.label for row in segments["e1"]] == ["0", "1"]
    (source / "test.csv").write_text("y\n")
    with pytest.raises(InputError, match=r"test\.csv: y is in neither"):
        prepare(source, tmp_path / "out")
