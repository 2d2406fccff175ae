"""Files and folders that are whole or absent: written beside under a hidden name, brought to the disk, then renamed.

The hidden place is a folder beside the target and holds a file of the target's own name, so that writers that look at the
ending of a name, or make files that only their owner may read, give what a plain ``open(path, "w")`` gives.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mvssl.errors import InputError

TEMPORARY, OLD = ".tmp", ".old"
UNREADABLE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)  # what readers say of cut files
_NO_SYNC_OF_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}  # what such file systems answer


class WriteError(InputError):
    """A file or folder cannot be written: no room, no right, no such place. What was there before is still there."""


@contextmanager
def writing(path: str | Path, *, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turns what goes wrong at a write of ``path`` into one error that the user can mend.

    An error that names another file, one that is read meanwhile, is passed on as it is.

    Args:
        also: exceptions other than OSError by which a library tells that it could not write.

    Raises:
        WriteError: names the path and the reason.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except kinds as error:
        if not _is_about(error, Path(path)):
            raise
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise WriteError(
            f"{path}: cannot be written ({reason[:200]}); make room or choose another folder; what was there is kept"
        ) from None


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Where to write a file that shall appear as ``path``: whole when the block ends, not at all when it raises.

    Missing folders are made. A link is followed; a device or pipe is written to directly. The file gets the permissions
    that a plain new file would get there.

    Raises:
        WriteError: see ``writing``; the file that was there before stays.
    """
    path = Path(path)
    with writing(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            yield path
            return
        path = _behind_link(path)
        with _beside(path) as temporary:
            yield temporary
            _settle([temporary])
            os.replace(temporary, path)
            sync(path.parent)


@contextmanager
def whole_folder(path: str | Path, *, also: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """As ``whole_file``, for a folder: an empty one to fill; what it replaces is removed last.

    A kill between the two renames of a replacement leaves the old folder under a hidden name; ``tidy`` puts it back.

    Raises:
        WriteError: see ``writing``; the folder that was there before stays.
    """
    path = Path(path)
    with writing(path, also=also):
        path = _behind_link(path)
        old = path.with_name(f".{path.name}{OLD}")
        with _beside(path) as temporary:
            temporary.mkdir()
            yield temporary
            _settle([*temporary.rglob("*"), temporary])
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
                os.replace(path, old)
            os.replace(temporary, path)
            sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | Path, text: str) -> Path:
    """A whole text file, UTF-8, lines ended as they are in ``text``."""
    return write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> Path:
    """A whole file of these bytes."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_csv(
    path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, delimiter: str = ","
) -> Path:  # fmt: skip
    """A whole table with a header, as ``csv.writer`` writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows(rows)
    return write_text(path, text.getvalue())


def make_folder(path: str | Path) -> Path:
    """Makes a folder and those above it; one that is there already will do.

    Raises:
        WriteError: see ``writing``.
    """
    path = Path(path)
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def tidy(folder: Path) -> None:
    """Puts back or removes what writers that were killed left in a folder. Only where nobody else is writing."""
    for old in folder.glob(f".*{OLD}"):
        whole = folder / old.name[1 : -len(OLD)]
        if not whole.exists():
            os.replace(old, whole)
    for left in [*folder.glob(f".*{TEMPORARY}"), *folder.glob(f".*{OLD}")]:
        shutil.rmtree(left, ignore_errors=True)


def is_temporary(name: str) -> bool:
    """Whether a folder of this name holds what is being written, or what a writer that was killed left."""
    return re.fullmatch(rf"\.\d+-[0-9a-f]{{8}}{re.escape(TEMPORARY)}", name) is not None


def sync(path: Path) -> None:
    """Brings a file's content, or the names in a folder, to the disk; folders only where the file system can do that."""
    if not path.is_dir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    elif os.name != "nt":
        try:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno not in _NO_SYNC_OF_FOLDERS:
                raise


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path of the same name in a hidden folder on the same file system; what is left there is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent / f".{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}"  # short: names may be at their limit
    folder.mkdir()
    try:
        yield folder / path.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(written: Sequence[Path]) -> None:
    """Gives the files that were written a plain file's permissions, and brings them and their folders to the disk."""
    probe = written[-1].parent / f".{secrets.token_hex(4)}"
    probe.touch()
    plain = probe.stat().st_mode
    probe.unlink()
    for path in written:
        if path.is_file() and path.stat().st_mode != plain:  # some libraries write files for their owner alone
            path.chmod(plain & 0o777)
        sync(path)


def _behind_link(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_about(error: Exception, path: Path) -> bool:
    """Whether an error of a block that writes ``path`` is of that, not of a file that the block reads."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str | os.PathLike):
        return True
    target, named = (Path(os.path.abspath(p)) for p in (_behind_link(path), name))
    if named == target or target in named.parents or named in target.parents:
        return True
    return target.parent in named.parents and is_temporary(named.relative_to(target.parent).parts[0])
