"""Errors of libraries and of the operating system in our words: where, what rule, what value, what to do.

What names a file says so itself; for what does not (a bad byte, a broken table) the file is the one that our innermost
function was working on.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType

from mvssl import files
from mvssl.errors import InputError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space, or choose another folder with -o",
    errno.EDQUOT: "the quota is used up; free some space, or choose another folder with -o",
    errno.EFBIG: "a file may not be as large here; choose another folder with -o",
    errno.EACCES: "this user has no right to; change the rights, or choose another place",
    errno.EPERM: "this user has no right to; change the rights, or choose another place",
    errno.EROFS: "it lies on a file system that cannot be written; choose another folder with -o",
    errno.ENOENT: "there is no such file or folder; look at the spelling, or make it first",
    errno.ENOTDIR: "a part of this path is a file, where a folder is needed; choose another path",
    errno.EISDIR: "this is a folder, where a file is needed; name a file",
    errno.EEXIST: "a file or folder of this name is in the way; choose another name",
    errno.ENOTEMPTY: "this folder is not empty; choose another, or empty it",
    errno.ENAMETOOLONG: "the name is longer than this file system takes; shorten it",
    errno.ELOOP: "the links lead round in a circle; mend them",
    errno.EIO: "the disk cannot be read or written; look at the disk",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.EADDRINUSE: "this address is in use; choose another one (--port)",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose another one (--host)",
}
_LIBRARIES = {  # by library and class of an error, so that nothing is imported for it
    "builtins.UnicodeDecodeError": "is not text in UTF-8; save it as UTF-8",
    "builtins.UnicodeEncodeError": "holds characters that cannot be written here; rename it, or set a UTF-8 locale",
    "_csv.Error": "cannot be read as a table (CSV); look for an open quote or a zero byte",
    "json.JSONDecodeError": "is not JSON; write it again with the command that made it",
    "xml.ParseError": "is not well-formed XML; save it again in the program that made it",
    "yaml.YAMLError": "is not YAML; look at the line named here",
    "omegaconf.OmegaConfBaseException": "is no valid configuration",
    "pydantic_core.ValidationError": "breaks a rule of the configuration",
    "pyarrow.ArrowException": "cannot be read or written as a table; make it again with the command that made it",
    "safetensors.SafetensorError": "is no whole file of tensors; fetch it or write it again",
    "_pickle.UnpicklingError": "is no file of tensors alone; pickles are refused",
    "zipfile.BadZipFile": "is no whole archive; make it again",
    "zlib.error": "is no whole archive; make it again",
    "av.FFmpegError": "cannot be read or written by FFmpeg; mvssl scan says what is wrong with a video",
    "PIL.DecompressionBombError": "is a picture of too many pixels; make it smaller",
    "PIL.UnidentifiedImageError": "is no picture that can be read; mvssl scan says what is wrong",
    "huggingface_hub.HfHubHTTPError": "cannot be fetched from the hub; look at the name, the network, the token",
    "torch.OutOfMemoryError": "does not fit into the memory of the device; take smaller batches or pictures",
    "builtins.MemoryError": "does not fit into memory; take smaller batches, pictures or videos",
}


def in_words(error: BaseException) -> str | None:
    """One line for an error that a user can mend; None for one that nobody expected."""
    if isinstance(error, InputError):
        return _own_words(error)
    classes = [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__]
    known = next((_LIBRARIES[name] for name in classes if name in _LIBRARIES), None)
    if known is not None:
        return _line(f"{_where(error)} {known} ({_own_words(error) or type(error).__name__})")
    if isinstance(error, OSError):
        return _line(_of_system(error))
    if "lance error" in str(error) or "LanceError" in str(error):  # a RuntimeError or ValueError of no class of its own
        inner = re.search(r"os error (\d+)", str(error))
        remedy = _REMEDIES.get(int(inner[1])) if inner else None
        remedy = remedy or "the index cannot be read or written; make it anew with mvssl index"
        return f"{_where(error)}: {remedy} ({_own_words(error)})"
    return None


def unexpected(error: BaseException) -> str:
    """One line for an error that nobody expected; its traceback is kept in a file that the line names."""
    text = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {_own_words(error)}"
    try:
        path = Path(tempfile.gettempdir()) / f"mvssl-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        files.write_text(path, text.encode("utf-8", "backslashreplace").decode())
    except (OSError, InputError):
        return f"unexpected {what[:400]}; please report it with what `mvssl --debug` shows"
    return f"unexpected {what[:400]}; please report it with {path} (or `mvssl --debug ...` shows the traceback)"


def _of_system(error: OSError) -> str:
    names = [
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)
    ]
    if error.errno is None:
        return f"{_where(error)} cannot be read or written ({_own_words(error)})"
    remedy = _REMEDIES.get(error.errno, "cannot be read or written")
    where = names[0] if names and names[0] else _where(error)
    return f"{where}: {remedy} ({error.strerror or os.strerror(error.errno)})"


def _where(error: BaseException) -> str:
    """The path that our innermost function was working on."""
    package = str(Path(__file__).parent)
    found = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(package):
            found = _path_in(frame) or found
    return found or "something given"


def _path_in(frame: FrameType) -> str:
    for name in ("path", "file", "table", "source", "target", "folder", "output"):
        value = frame.f_locals.get(name)
        if isinstance(value, str | os.PathLike) and str(value):
            return str(value)
    return ""


def _own_words(error: BaseException) -> str:
    """The message in one line; of an error that a loader's worker raised, the worker's own."""
    text = str(error)
    if "Original Traceback (most recent call last)" in text:
        text = text.strip().splitlines()[-1].partition(": ")[2]
    return _line(text)


def _line(text: str) -> str:
    return " ".join(text.split())
