"""One process at a time trains in a folder: a lock that ends with the process that holds it."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from mvssl import files
from mvssl.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = ".lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}  # what file systems without locks answer
_held: dict[tuple[int, Path], int] = {}  # (process, folder) -> thread


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Holds the folder of a run for this thread, which may take it again.

    A POSIX record lock: the system lets go of it when the process ends, however that happens, forked workers do not inherit
    it, and NFS carries it between machines. Where there are none (Windows, some network file systems), the file states who
    holds the folder; one whose process is gone from this machine is taken over.

    Raises:
        InputError: another process, or another thread, trains there; names it.
    """
    files.make_folder(run)
    key = os.getpid(), run.resolve()
    if key in _held:
        if _held[key] != threading.get_ident():
            raise _taken(run, {"pid": os.getpid(), "host": socket.gethostname()})
        yield
        return
    path = run / FILE
    with files.writing(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        locked = _lock(handle)
        holder = _holder(handle)
        if locked is False or (locked is None and holder and _lives(holder)):
            raise _taken(run, holder, path if locked is None else None)
        with files.writing(path):
            _state(
                handle, {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "started": _started()}
            )
        _held[key] = threading.get_ident()
        try:
            yield
        finally:
            del _held[key]
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)  # lets go of the lock


def _lock(handle: int) -> bool | None:
    """Whether the lock was free, and is held now; None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _state(handle: int, about: dict[str, Any]) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(about).encode())
    os.fsync(handle)


def _holder(handle: int) -> dict[str, Any]:
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        found = json.loads(os.read(handle, 4096))
    except ValueError:  # not yet written, or cut
        return {}
    return found if isinstance(found, dict) else {}


def _lives(holder: dict[str, Any]) -> bool:
    """Whether the process may still be there: of another machine nobody knows."""
    if holder.get("host") != socket.gethostname():
        return True
    try:
        return abs(psutil.Process(int(holder["pid"])).create_time() - float(holder["started"])) < 1.0
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return False


def _started() -> float:
    return psutil.Process().create_time()


def _taken(run: Path, holder: dict[str, Any], by_name: Path | None = None) -> InputError:
    who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another process"
    since = (
        f", since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(holder['since']))}" if "since" in holder else ""
    )
    hint = f"; if that one is gone, delete {by_name}" if by_name is not None else ""
    return InputError(f"{run}: {who} trains there{since}; wait for it, end it, or choose another folder{hint}")
