"""``mvssl data``: one command over all converters."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mvssl import cli
from mvssl.converters import NAMES, layout, prepare
from mvssl.errors import InputError
from mvssl.labels import Segment, read_segments
from mvssl.video import read_videos

BORIS = "Media file,Subject,Behavior,Behavior type,Start (s),Stop (s)\na.mp4,rat,walk,STATE,{},{}\n"


@pytest.fixture
def penn(tmp_path):
    frames, labels = tmp_path / "Penn_Action" / "frames" / "0001", tmp_path / "labels" / "train" / "squats"
    frames.mkdir(parents=True)
    labels.mkdir(parents=True)
    for i in range(1, 5):
        (frames / f"{i:06d}.jpg").write_bytes(b"")
    np.save(labels / "0001.npy", np.array([0, 0, 1, 1]))
    return tmp_path / "Penn_Action", tmp_path / "labels"


def test_the_command_writes_the_tables(penn, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["mvssl", "data", "penn_action", *map(str, penn), "-o", str(out), "--fps", "10"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0
    assert read_segments(out / "segments.csv")["0001_squat"] == [
        Segment(0, 0.2, "squat/0"),
        Segment(0.2, 0.4, "squat/1"),
    ]
    (video,) = read_videos(out, probe=False)
    assert (video.id, video.split, video.label, video.end_s) == ("0001_squat", "train", "squat", 0.4)


def test_several_exports_of_behaviour_become_one_table(tmp_path):
    for name, media in (("one.csv", "a.mp4"), ("two.csv", "b.mp4")):
        (tmp_path / name).write_text(BORIS.format(1.5, 2.25).replace("a.mp4", media))
    prepare("behaviour", [tmp_path / "one.csv", tmp_path / "two.csv"], tmp_path / "out")
    found = read_segments(tmp_path / "out" / "segments.csv")
    assert found == {name: [Segment(1.5, 2.25, "walk")] for name in ("a.mp4", "b.mp4")}
    with pytest.raises(InputError, match=r"one\.csv: a\.mp4 is labelled in two files"):
        prepare("behaviour", [tmp_path / "one.csv"] * 2, tmp_path / "out")


@pytest.mark.parametrize("name", NAMES)
def test_every_converter_says_what_it_reads(name):
    words = layout(name)
    assert f"mvssl data {name} " in words
    assert "Reads" in words or "columns" in words


def test_refusals(penn, tmp_path):
    with pytest.raises(InputError, match=r"no converter 'pen_action'; there are: ae2, .*\(Kinetics, UCF101"):
        prepare("pen_action", penn, tmp_path)
    with pytest.raises(InputError, match="penn_action: 1 paths given, it reads 2: SOURCE LABELS"):
        prepare("penn_action", penn[:1], tmp_path)
    with pytest.raises(InputError, match="penn_action has no option 'classes'; it has: fps"):
        prepare("penn_action", penn, tmp_path, classes=99)
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        prepare("pouring", [tmp_path / "nowhere"], tmp_path)
    with pytest.raises(InputError, match="not of 100"):
        prepare("finegym", penn, tmp_path, classes=100)
