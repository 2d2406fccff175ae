"""What ``mvssl pretrain --num-processes 2`` starts does not outlive it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from mvssl.cli import _processes

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "1"}


def gone(processes, within_s):
    """Those that are still there after that time."""
    return psutil.wait_procs(processes, timeout=within_s)[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_command(tiny_config, tmp_path, number):
    tiny_config["train"] |= {"steps": 100_000, "checkpoint_every": 2}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_config))
    command = [
        sys.executable,
        "-m",
        "mvssl",
        "pretrain",
        str(path),
        "-o",
        str(tmp_path / "run"),
        "--num-processes",
        "2",
    ]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=said, stderr=subprocess.STDOUT)
    try:
        while not list((tmp_path / "run" / "checkpoints").glob("step-*")):
            assert process.poll() is None, (tmp_path / "said").read_text()[-3000:]
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 3  # the launcher and two workers
        process.send_signal(number)
        assert gone(started, 60) == []
        assert process.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
    finally:
        for one in [process, *psutil.Process().children(recursive=True)]:
            one.kill()
        process.wait()


WORKER = """
import os, sys, time
from mvssl.cli import _processes
_processes.LOOK_EVERY_S = 0.05
os.environ[_processes.WATCHED] = sys.argv[1]
_processes.end_with_command()
print("there", flush=True)
time.sleep(100)
"""


def test_a_worker_sees_that_the_command_is_gone():
    command = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(command.pid)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout.readline() == "there\n"
    time.sleep(0.2)
    assert worker.poll() is None
    command.kill()  # not waited for: a zombie
    assert worker.wait(20) == 1
    command.wait()
    worker.stdout.close()
    late = subprocess.run([sys.executable, "-c", WORKER, str(command.pid)], stdout=subprocess.PIPE)
    assert (late.returncode, late.stdout) == (1, b"")


def test_without_a_command_nothing_is_watched(monkeypatch):
    monkeypatch.delenv(_processes.WATCHED, raising=False)
    monkeypatch.setattr(_processes.threading, "Thread", None)
    _processes.end_with_command()


@pytest.mark.parametrize(("number", "status"), [(None, 3), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_are_passed_on_and_the_status_is_the_launchers(monkeypatch, number, status):
    handlers = {one: signal.getsignal(one) for one in _processes.FORWARDED}

    class Launcher:
        def __init__(self, command, env, start_new_session):
            assert env[_processes.WATCHED] == str(os.getpid())
            assert command[-2:] == ["pretrain", "carl"]
            self.sent = []

        def send_signal(self, what):
            self.sent.append(what)

        def wait(self):
            if number is None:
                return 3
            os.kill(os.getpid(), number)
            assert self.sent == [number]
            return 1

    monkeypatch.setattr(_processes.subprocess, "Popen", Launcher)
    assert _processes.launch(2, ["pretrain", "carl"]) == status
    assert {one: signal.getsignal(one) for one in _processes.FORWARDED} == handlers
