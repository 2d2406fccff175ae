"""No error of a library crosses into the shell: every command, with every kind of fault, says it in one line.

The faults are the real errors of the real libraries, raised where a command calls into the package.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import pickle
import resource
import signal
import socket
import sys
import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image
from typer.testing import CliRunner

from mvssl import api, cli
from mvssl.embedding import Model
from mvssl.video import write_video

COMMANDS = {  # words of each, and the function that does the work
    "scan": (["in"], "mvssl.api.scan"),
    "pretrain": (["carl"], "mvssl.api.pretrain"),
    "submit": (["carl", "data.root=x", "--local"], "mvssl.config.load"),
    "adapt": (["in"], "mvssl.api.adapt"),
    "preview": (["carl"], "mvssl.api.preview"),
    "embed": (["zero-shot", "in"], "mvssl.api.embed"),
    "align": (["a.mp4", "b.mp4"], "mvssl.api.align"),
    "sync": (["a.mp4", "b.mp4"], "mvssl.api.sync"),
    "index": (["in"], "mvssl.api.index"),
    "search": (["in", "a.mp4@1s"], "mvssl.api.search"),
    "evaluate": (["run", "in"], "mvssl.api.evaluate"),
    "compare": (["a", "b"], "mvssl.evaluation.results_file.compare_results"),
    "data": (["carl", "in"], "mvssl.converters.prepare"),
    "report": (["run"], "mvssl.api.report"),
    "card": (["run"], "mvssl.api.card"),
    "export": (["run"], "mvssl.api.export"),
    "app": (["in"], "mvssl.api.app"),
    "doctor": ([], "mvssl.api.doctor"),
    "demo": ([], "mvssl.api.demo"),
}


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _busy_port():
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())


def _huge_picture(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.frombytes("1", (30_000, 30_000), bytes(3750 * 30_000)).save(folder / "x.png")
    Image.open(folder / "x.png").load()


FAULTS = {  # what really goes wrong, and what the line must say
    "missing": (lambda folder: (folder / "none").read_bytes(), "no such file"),
    "folder in place of a file": (lambda folder: folder.read_bytes(), "this is a folder"),
    "file in place of a folder": (lambda folder: (_bytes(folder / "x", b"") / "y").mkdir(), "a part of this path is a file"),
    "disk full": (lambda folder: Path("/dev/full").write_bytes(b"x"), "disk is full"),
    "read-only": (
        lambda folder: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system", str(folder))), "cannot be written",
    ),
    "no right": (
        lambda folder: (_ for _ in ()).throw(PermissionError(errno.EACCES, "Permission denied", str(folder))), "no right",
    ),
    "long name": (lambda folder: (folder / ("x" * 300)).mkdir(), "shorten it"),
    "port in use": (lambda folder: _busy_port(), "--port"),
    "bad UTF-8": (lambda folder: _bytes(folder / "x", b"\xff\xfe").read_text(encoding="utf-8"), "UTF-8"),
    "open quote": (lambda folder: list(csv.reader(io.StringIO('a,"b\nc'), strict=True)), "open quote"),
    "broken JSON": (lambda folder: json.loads("{"), "not JSON"),
    "broken XML": (lambda folder: ElementTree.parse(_bytes(folder / "x.eaf", b"<a><b></a>")), "well-formed XML"),
    "broken YAML": (lambda folder: yaml.safe_load("a: ["), "not YAML"),
    "broken configuration": (lambda folder: OmegaConf.create("a: ${"), "no valid configuration"),
    "broken Parquet": (lambda folder: pq.read_table(_bytes(folder / "x", b"PAR1 no PAR1")), "as a table"),
    "broken tensors": (lambda folder: safetensors.torch.load_file(_bytes(folder / "x", b"\0" * 20)), "tensors"),
    "pickle with code": (
        lambda folder: torch.load(_bytes(folder / "x.pth", pickle.dumps(print, 2)), weights_only=True), "pickles are refused",
    ),
    "broken archive": (lambda folder: zipfile.ZipFile(_bytes(folder / "x.zip", b"PK")), "archive"),
    "no video": (lambda folder: av.open(str(_bytes(folder / "x.mp4", b"no video" * 9))), "FFmpeg"),
    "no picture": (lambda folder: Image.open(_bytes(folder / "x.png", b"no picture")), "no picture"),
    "memory": (lambda folder: bytearray(1 << 60), "memory"),
}  # fmt: skip


def raised(fault, folder):
    with pytest.raises(Exception) as found:
        FAULTS[fault][0](folder)
    return found.value


def call(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["mvssl", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    found = capsys.readouterr()
    return code, found.out, found.err


def test_every_command_is_walked():
    assert set(COMMANDS) == set(cli.COMMANDS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_library_error_is_one_line_in_every_command(capsys, monkeypatch, tmp_path, fault):
    monkeypatch.delenv("MVSSL_DEBUG", raising=False)
    error = raised(fault, tmp_path)

    def fails(*_, **__):
        raise error

    for command, (words, work) in COMMANDS.items():
        with monkeypatch.context() as here:
            here.setattr(work, fails)
            code, _, err = call(capsys, monkeypatch, command, *words)
        assert code == 2, (command, err)
        assert err.startswith("mvssl: "), (command, err)
        assert err.count("\n") == 1, (command, err)
        assert FAULTS[fault][1] in err, (command, err)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_nobody_expected_is_kept_for_a_report(capsys, monkeypatch, tmp_path, command):
    monkeypatch.delenv("MVSSL_DEBUG", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words, work = COMMANDS[command]

    def fails(*_, **__):
        raise KeyError("oh [no]")

    monkeypatch.setattr(work, fails)
    code, _, err = call(capsys, monkeypatch, command, *words)
    assert code == 1
    assert err.count("\n") == 1
    assert "KeyError: 'oh [no]'" in err
    (kept,) = tmp_path.glob("mvssl-*.txt")
    assert str(kept) in err
    assert "in fails" in kept.read_text()


def test_a_traceback_is_shown_to_those_who_ask(capsys, monkeypatch):
    monkeypatch.setenv("MVSSL_DEBUG", "")  # restored afterwards

    def fails(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "x")

    monkeypatch.setattr("mvssl.api.doctor", fails)
    with pytest.raises(OSError, match="No space"):
        call(capsys, monkeypatch, "--debug", "doctor")


def test_the_file_is_named_where_the_library_does_not(capsys, monkeypatch, tmp_path):
    for name in ("a", "b"):
        _bytes(tmp_path / f"{name}.json", b"{")
    code, _, err = call(capsys, monkeypatch, "compare", tmp_path / "a.json", tmp_path / "b.json")
    assert code == 2
    assert str(tmp_path / "a.json") in err


def test_a_worker_s_error_is_its_own_words(capsys, monkeypatch):
    from torch.utils.data import DataLoader, Dataset

    from mvssl.errors import VideoError
    from mvssl.faults import in_words

    class Bad(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, _):
            raise VideoError("x.mp4: damaged at 1.0 s", path="x.mp4")

    with pytest.raises(VideoError) as found:
        next(iter(DataLoader(Bad(), num_workers=1)))
    assert in_words(found.value) == "x.mp4: damaged at 1.0 s"


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Videos whose names rich would take for markup or for pictures, and a model."""
    root = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (8, 32, 48, 3), dtype=np.uint8)
    for name, repeats in (("[id].mp4", 2), ("take[/x].mp4", 3), ("[red]:tv: c.mp4", 4)):
        (root / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / "videos" / name, np.repeat(base, repeats, axis=0), fps=10)
    torch.manual_seed(0)
    spec = {"name": "image", "backbone": "test_resnet", "weights": "none"}
    Model(encoder=spec, recipe={"size": 32}).save_pretrained(root / "run" / "model")
    return root


def test_names_are_shown_as_they_are(odd, tmp_path, capsys, monkeypatch):
    videos, run, output = odd / "videos", odd / "run", tmp_path / "[out]"
    names = ["[id].mp4", "take[/x].mp4", "[red]:tv: c.mp4"]
    code, out, err = call(capsys, monkeypatch, "scan", videos, "-o", tmp_path / "[videos].parquet")
    assert (code, err) == (0, "")
    assert f"index: {tmp_path}/[videos].parquet" in out
    code, out, _ = call(capsys, monkeypatch, "embed", run, videos, "-o", output)
    assert code == 0
    assert str(output) in out
    code, out, _ = call(capsys, monkeypatch, "search", output, "[id].mp4@0.5s", "-o", tmp_path / "[found]")
    assert code == 0
    assert all(name in out for name in names[1:])
    code, out, _ = call(
        capsys, monkeypatch, "align", *(videos / name for name in names), "--run", run, "-o", tmp_path / "[aligned]"
    )
    assert code == 0
    assert all(str(videos / name) in out for name in names[1:])
    assert str(tmp_path / "[aligned]") in out


def test_help_eats_no_brackets():
    for command in cli.COMMANDS:
        shown = CliRunner().invoke(cli.app, [command, "--help"]).output
        assert "[/" not in shown
    assert "cluster" in CliRunner().invoke(cli.app, ["submit", "--help"]).output


def test_names_of_any_bytes_are_shown(capfdbinary, monkeypatch, tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    stdout, stderr = (io.TextIOWrapper(os.fdopen(os.dup(n), "wb"), encoding="ascii") for n in (1, 2))
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "argv", ["mvssl", "scan", os.fsdecode(folder)])
    with pytest.raises(SystemExit) as found:
        cli.main()
    code = found.value.code
    stderr.close()
    stdout.close()
    assert code == 2
    assert b": no such file" in capfdbinary.readouterr().err


@contextmanager
def full_disk(num_bytes):
    """No file may grow beyond this size: what a full disk does, for code in any language."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("command", ["scan", "embed", "search", "align", "sync", "index"])
def test_a_disk_that_fills_up_is_said(odd, tmp_path, capsys, monkeypatch, command):
    videos, run = odd / "videos", odd / "run"
    one, other = videos / "[id].mp4", videos / "take[/x].mp4"
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "cache"))
    frames = tmp_path / "frames"
    if command in ("search", "index"):
        api.embed(run, videos, frames, progress=False)
    api.scan(videos)  # the frame indices are kept before the disk is full
    words = {
        "scan": [videos, "-o", tmp_path / "v.parquet"],
        "embed": [run, videos, "-o", frames],
        "search": [frames, "[id].mp4@0.5s", "-o", tmp_path / "found"],
        "align": [one, other, "--run", run, "-o", tmp_path / "aligned"],
        "sync": [one, other, "--run", run, "-o", tmp_path / "offsets.csv"],
        "index": [frames],
    }[command]
    with full_disk(200):
        code, _, err = call(capsys, monkeypatch, command, *words)
    assert code == 2, err
    assert err.startswith("mvssl: "), err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["scan", "embed", "search", "align", "sync", "index", "report", "preview", "card"])
def test_an_output_that_cannot_be_made_is_said(odd, tmp_path, capsys, monkeypatch, command):
    """A file lies where the folder should be: nobody, not even root, can write there."""
    videos, run = odd / "videos", odd / "run"
    one, other = videos / "[id].mp4", videos / "take[/x].mp4"
    wall = _bytes(tmp_path / "wall", b"")
    frames = tmp_path / "frames"
    api.embed(run, videos, frames, progress=False)
    words = {
        "scan": [videos, "-o", wall / "v.parquet"],
        "embed": [run, videos, "-o", wall / "frames"],
        "search": [frames, "[id].mp4@0.5s", "-o", wall / "found"],
        "align": [one, other, "--run", run, "-o", wall / "aligned"],
        "sync": [one, other, "--run", run, "-o", wall / "offsets.csv"],
        "index": [frames, "-o", wall / "x.lance"],
        "report": [run, "-o", wall / "report.html"],
        "preview": ["carl", f"data.root={videos}", "-o", wall / "p.png"],
        "card": [wall / "run"],
    }[command]
    code, _, err = call(capsys, monkeypatch, command, *words)
    assert code == 2, err
    assert err.startswith("mvssl: "), err
    assert err.count("mvssl: ") == 1
    assert "Traceback" not in err
