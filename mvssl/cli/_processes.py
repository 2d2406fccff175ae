"""The same command in several processes of this machine, none of which outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

import psutil

WATCHED = "MVSSL_COMMAND_PID"  # environment of the workers: the process that started them all
FORWARDED = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
LOOK_EVERY_S = 0.5


def launch(num_processes: int, arguments: list[str]) -> int:
    """Runs ``mvssl ARGUMENTS`` in several processes by accelerate's own launcher, and waits.

    A signal that asks this process to end is passed on to the launcher, which ends its workers. Where this process cannot
    pass on anything (SIGKILL), the workers see that it is gone (``end_with_command``).

    Returns:
        The launcher's status; 128 + the signal, as shells count, where one was passed on.
    """
    # not --cpu: that starts one process, for MPI; --multi_gpu starts as many as are asked for, on CPUs too
    flags = ["--multi_gpu", "--num_processes", str(num_processes), "--main_process_port", "0", "-m", "mvssl"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *flags, *arguments]
    environment = {**os.environ, WATCHED: str(os.getpid())}
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
