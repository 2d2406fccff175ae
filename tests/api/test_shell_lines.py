"""What the shell shows is our own lines: of warnings, and of several processes that fail together."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from mvssl import cli
from mvssl.cli import _launcher, _processes
from mvssl.errors import InputError, InputWarning
from mvssl.video import read_labels, read_videos, write_video


def test_a_warning_of_ours_is_one_line(capsys, monkeypatch):
    def warns(**_):
        warnings.warn("x.csv: labels of\nanother [clock]", InputWarning, stacklevel=2)
        return []

    monkeypatch.setattr("mvssl.api.doctor", warns)
    monkeypatch.setattr(sys, "argv", ["mvssl", "doctor"])
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.raises(SystemExit) as found:
            cli.main()
    assert found.value.code == 0
    assert capsys.readouterr().err == "mvssl: warning: x.csv: labels of another [clock]\n"
    assert warnings.showwarning is before


def test_a_warning_of_a_library_stays_as_it_is():
    told = []
    tell = cli._tell(lambda *given, **_: told.append(given))
    tell(UserWarning("theirs"), UserWarning, "lib.py", 3)
    assert [str(given[0]) for given in told] == ["theirs"]


def test_labels_of_another_clock_warn_in_one_line(capsys, monkeypatch, tmp_path):
    """A recording of broadcast time, with labels whose clock is not stated."""
    write_video(tmp_path / "plain.mp4", np.zeros((40, 32, 32, 3), np.uint8), fps=10)
    (tmp_path / "in").mkdir()
    words = ["ffmpeg", "-v", "error", "-i", tmp_path / "plain.mp4", "-c", "copy", "-output_ts_offset", "1.5"]
    subprocess.run([*words, tmp_path / "in" / "late.mkv"], check=True)
    (tmp_path / "segments.csv").write_text("video,start_s,end_s,label\nlate.mkv,1.6,2.6,up\n")
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "cache"))

    def reads(**_):
        read_labels(tmp_path / "segments.csv", read_videos(tmp_path / "in"))
        return []

    monkeypatch.setattr("mvssl.api.doctor", reads)
    monkeypatch.setattr(sys, "argv", ["mvssl", "doctor"])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.raises(SystemExit):
            cli.main()
    err = capsys.readouterr().err
    assert err.startswith(f"mvssl: warning: {tmp_path / 'segments.csv'}: "), err
    assert err.count("\n") == 1
    assert "the first frame of late.mkv is at 1.500 s of the file's clock" in err


def failed(*exit_codes):
    class Failure(ProcessFailure):
        def __post_init__(self):
            self.timestamp, self.message = 0, ""

    return ChildFailedError("mvssl", {rank: Failure(rank, 1, code, "") for rank, code in enumerate(exit_codes)})


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (failed(2, -15), 2, ""),
        (failed(-15, 1), 1, ""),
        (failed(-15, -9), 137, "mvssl: process 1 was ended by SIGKILL (SIGKILL: often for want of memory)\n"),
        (SignalException("x", 2), 130, ""),
        (None, 0, ""),
    ],
)
def test_the_launcher_adds_no_words(capsys, monkeypatch, error, status, words):
    def launch():
        if error is not None:
            raise error

    monkeypatch.setitem(sys.modules, "accelerate.commands.launch", types.SimpleNamespace(main=launch))
    monkeypatch.setattr(_launcher.logging, "disable", lambda level: None)
    assert _launcher.main() == status
    assert capsys.readouterr().err == words


def test_workers_say_the_same_error_once(capsys, monkeypatch, tmp_path):
    told = ["x \udcff: no such file", "x \udcff: no such file", "y: no such file"]
    shown = iter(told)

    def fails(**_):
        raise InputError(next(shown))

    monkeypatch.setenv(_processes.SAID, str(tmp_path))
    monkeypatch.setattr("mvssl.api.doctor", fails)
    monkeypatch.setattr(sys, "argv", ["mvssl", "doctor"])
    for _ in told:
        with pytest.raises(SystemExit) as found:
            cli.main()
        assert found.value.code == 2
    assert [line[:8] for line in capsys.readouterr().err.splitlines()] == ["mvssl: x", "mvssl: y"]


def test_where_nothing_can_be_noted_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv(_processes.SAID, str(tmp_path / "gone"))
    assert _processes.first_to_say("x")


@pytest.mark.slow
def test_two_processes_that_fail_say_it_once(tmp_path):
    words = ["pretrain", "carl", f"data.root={tmp_path / 'none'}", "-o", str(tmp_path / "run"), "--num-processes", "2"]
    done = subprocess.run([sys.executable, "-m", "mvssl", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("mvssl: ")
    assert done.stderr.count("\n") == 1, done.stderr
