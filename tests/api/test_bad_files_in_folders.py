"""One bad file never stops the run of a folder: it is set aside, counted, reported."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from mvssl import api, cli
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.video import write_video


@pytest.fixture
def videos(tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    base = np.random.default_rng(0).integers(0, 255, (8, 32, 48, 3), dtype=np.uint8)
    for name, repeats in (("a", 2), ("b", 3), ("c", 4)):
        write_video(root / f"{name}.mp4", np.repeat(base, repeats, axis=0), fps=10)
    (root / "bad.mp4").write_bytes(b"no video" * 9)
    (root / "damaged.mp4").write_bytes((root / "c.mp4").read_bytes()[:-200])
    return root


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32}).eval()


def run(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["mvssl", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code or 0
    found = capsys.readouterr()
    return code, found.out, found.err


def test_embed_sets_a_folder_s_bad_files_aside(videos, model, tmp_path, capsys, monkeypatch):
    model.save_pretrained(tmp_path / "run" / "model")
    code, out, err = run(capsys, monkeypatch, "embed", tmp_path / "run", videos, "-o", tmp_path / "frames")
    assert code == 0
    assert "3 videos" in out
    assert "set aside, 2 of the folder:" in err
    for name in ("bad.mp4", "damaged.mp4"):
        assert name in err
        assert name in (tmp_path / "frames" / "skipped.txt").read_text()


def test_files_that_were_named_stop_it_and_so_does_the_word(videos, model, tmp_path):
    (videos.parent / "videos.csv").write_text("video,split\nvideos/a.mp4,train\nvideos/bad.mp4,train\n")
    with pytest.raises(InputError, match="bad"):
        api.embed(model, videos.parent / "videos.csv", tmp_path / "frames", progress=False)
    with pytest.raises(InputError, match="bad"):
        api.embed(model, videos, tmp_path / "frames", skip_bad=False, progress=False)


def test_a_folder_of_bad_files_alone_is_said(videos, model, tmp_path):
    for name in ("a", "b", "c", "damaged"):
        (videos / f"{name}.mp4").unlink()
    with pytest.raises(InputError, match="no readable video among 1"):
        api.embed(model, videos, tmp_path / "frames", progress=False)


def test_search_of_a_folder_of_videos_goes_on(videos, model, tmp_path, capsys, monkeypatch):
    model.save_pretrained(tmp_path / "run" / "model")
    code, out, err = run(
        capsys, monkeypatch, "search", videos, "a.mp4@0.5s", "--run", tmp_path / "run", "-o", tmp_path / "found"
    )
    assert code == 0
    assert "b.mp4" in out
    assert "set aside, 2 of the folder:" in err


def test_index_and_search_leave_broken_tables_out(videos, model, tmp_path, capsys, monkeypatch):
    pytest.importorskip("lancedb")
    frames = tmp_path / "frames"
    api.embed(model, videos, frames, progress=False)
    (frames / "z.frames.parquet").write_bytes(b"PAR1 no")
    code, out, err = run(capsys, monkeypatch, "index", frames)
    assert code == 0
    assert "3 videos" in out
    assert "set aside, 1 of the folder:" in err
    assert "z.frames.parquet" in err
    code, out, err = run(capsys, monkeypatch, "search", frames, "a.mp4@0.5s", "-o", tmp_path / "found")
    assert code == 0
    assert "c.mp4" in out
    assert "z.frames.parquet" in err
    for path in frames.glob("*.frames.parquet"):
        path.write_bytes(b"PAR1 no")
    for words in (
        ("index", frames, "-o", tmp_path / "new.lance"),
        ("search", frames, "a.mp4@0.5s", "-o", tmp_path / "f"),
    ):
        code, _, err = run(capsys, monkeypatch, *words)
        assert code == 2
        assert "not a table of embedded frames" in err
