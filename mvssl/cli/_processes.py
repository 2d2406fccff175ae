"""The same command in several processes of this machine, none of which outlives it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

import psutil

WATCHED = "MVSSL_COMMAND_PID"  # environment of the workers: the process that started them all
FORWARDED = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
LOOK_EVERY_S = 0.5
SAID = "MVSSL_SAID"  # environment of the workers: a folder, in it a file for each of their errors that was told


def launch(num_processes: int, arguments: list[str]) -> int:
    """Runs ``mvssl ARGUMENTS`` in several processes by accelerate's own launcher, and waits.

    A signal that asks this process to end is passed on to the launcher, which ends its workers. Where this process cannot
    pass on anything (SIGKILL), the workers see that it is gone (``end_with_command``).

    Returns:
        The launcher's status; 128 + the signal, as shells count, where one was passed on.
    """
    # not --cpu: that starts one process, for MPI; --multi_gpu starts as many as are asked for, on CPUs too
    flags = ["--multi_gpu", "--num_processes", str(num_processes), "--main_process_port", "0", "--num_machines", "1"]
    flags += ["--mixed_precision", "no", "--dynamo_backend", "no"]  # its defaults; those unsaid are listed in a warning
    command = [sys.executable, "-m", "mvssl.cli._launcher", *flags, "-m", "mvssl", *arguments]
    with tempfile.TemporaryDirectory(prefix="mvssl-") as said:
        return _wait(command, {**os.environ, WATCHED: str(os.getpid()), SAID: said})


def _wait(command: list[str], environment: dict[str, str]) -> int:
    received: list[int] = []
    # a session of its own: Ctrl-C in a terminal reaches it once, through here
    process = subprocess.Popen(command, env=environment, start_new_session=True)

    def forward(number: int, _: FrameType | None) -> None:
        received.append(number)
        process.send_signal(signal.SIGTERM if len(received) > 1 else number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + received[0] if received else status


def first_to_say(words: str) -> bool:
    """Whether no other worker of this command has said these words; they often fail together, each of the same."""
    if SAID not in os.environ:
        return True
    name = hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()
    try:
        (Path(os.environ[SAID]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # the folder is gone with the command, or the disk is full: better twice than not at all
        return True
    return True


def end_with_command() -> None:
    """In a worker: a thread that ends this process as soon as the command, or the launcher between them, is gone."""
    if WATCHED not in os.environ:
        return
    watched = []
    for number in (int(os.environ[WATCHED]), os.getppid()):
        try:
            watched.append(psutil.Process(number))
        except psutil.NoSuchProcess:
            os._exit(1)

    def watch() -> None:
        while all(_lives(process) for process in watched):
            time.sleep(LOOK_EVERY_S)
        os._exit(1)  # at once: whoever asked for this run is gone, and a checkpoint is whole or absent

    threading.Thread(target=watch, name="watch-command", daemon=True).start()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
