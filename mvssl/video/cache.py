"""Frame indices kept between runs: scanned once per file, shared by all processes.

One small file per video in ``$MVSSL_CACHE/frame_index`` (default ``~/.cache/mvssl/frame_index``). An entry counts only for
the same path, size, modification time and first and last 64 KiB of the file. Where only those bytes differ, the file has
rotted: its checksums are kept, so that what changed is found. A file whose checksums a scan kept and whose size or time
differs is compared packet by packet; if it is another, that is an error until it is scanned again. Writers use a temporary
name and rename, so a reader sees a whole entry or none; an entry that does not agree with its checksum is scanned again and
replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mvssl import files
from mvssl.errors import InputWarning, VideoError

from .frame_index import VERSION, FrameIndex, build_index

_EDGE = 65_536
_ARRAYS = {"pts": "<i8", "dts": "<i8", "key": "?", "shown": "<i8", "shown_pts": "<i8", "crc": "<u4", "doubt": "?"}


def cache_folder() -> Path:
    return Path(os.environ.get("MVSSL_CACHE") or Path.home() / ".cache" / "mvssl") / "frame_index"


def index_of(path: str | os.PathLike, *, timeout_s: float | None = None, checksums: bool = False) -> FrameIndex:
    """The file's frame index: from the cache (with ``checksums``: if it has them), or scanned now and kept.

    Raises as ``build_index``; and without ``checksums`` VideoError of kind "changed", where a file that was scanned with
    them holds other packets now.
    """
    path = os.path.abspath(os.fspath(path))
    if not os.path.isfile(path):
        return build_index(path, timeout_s=timeout_s)  # says what it is; to open a pipe would wait for ever
    try:
        key = fingerprint(path)
    except OSError:
        return build_index(path, timeout_s=timeout_s)  # says what is wrong with the file
    entry = cache_folder() / f"{hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()}.idx"
    known, index, scanned = _load(entry, path)
    if index is not None and known == key and (len(index.crc) or not checksums):
        if checksums and not scanned:
            _save(entry, index, key, scanned=True)
        return index
    found = build_index(path, timeout_s=timeout_s, checksums=checksums or scanned)
    same = index is not None and _same_packets(index, found)
    if index is not None and same and (_stamp(known) == _stamp(key) or np.array_equal(index.crc, found.crc)):
        found = found._replace(crc=index.crc)
    elif scanned and not checksums:
        raise _changed(path)
    _save(entry, found, key, scanned=checksums or scanned)
    return found


def _changed(path: str) -> VideoError:
    return VideoError(
        f"{path}: not the file that was scanned: its packets differ from those whose checksums were kept. If it was replaced "
        "on purpose, scan it again (mvssl scan); if not, it is damaged.",
        path=path,
        kind="changed",
    )


def _stamp(key: str) -> str:
    """Version, size and modification time of a fingerprint."""
    return key.rpartition(" ")[0]


def _same_packets(old: FrameIndex, new: FrameIndex) -> bool:
    return len(old.crc) > 0 and np.array_equal(old.pts, new.pts) and np.array_equal(old.dts, new.dts)


def fingerprint(path: str) -> str:
    """Size, modification time and a hash of both ends of a file."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.blake2b(file.read(_EDGE), digest_size=16)
        if status.st_size > _EDGE:
            file.seek(max(status.st_size - _EDGE, _EDGE))
            digest.update(file.read(_EDGE))
    return f"{VERSION} {status.st_size} {status.st_mtime_ns} {digest.hexdigest()}"


def _save(entry: Path, index: FrameIndex, key: str, *, scanned: bool) -> None:
    """``scanned``: the checksums were asked for; a container that is read whole has them in any case."""
    fields = index._asdict()
    arrays = [np.ascontiguousarray(fields.pop(name), dtype=kind) for name, kind in _ARRAYS.items()]
    head = json.dumps({"key": key, "scanned": scanned, "lengths": [len(a) for a in arrays], "fields": fields}).encode()
    body = b"".join([len(head).to_bytes(4, "little"), head, *(a.tobytes() for a in arrays)])
    body += zlib.crc32(body).to_bytes(4, "little")
    try:
        files.write_bytes(entry, body)
    except files.WriteError as error:
        warnings.warn(
            f"frame indices cannot be kept in {entry.parent} ({error}); every file is scanned again each time. "
            "Set MVSSL_CACHE to a folder that can be written.",
            InputWarning,
            stacklevel=2,
        )


def _load(entry: Path, path: str) -> tuple[str, FrameIndex | None, bool]:
    """Fingerprint and index of an entry, and whether a scan kept its checksums; no index where it is not one of this path."""
    try:
        data = entry.read_bytes()
    except OSError:
        return "", None, False
    try:
        data, checksum = data[:-4], data[-4:]
        if zlib.crc32(data).to_bytes(4, "little") != checksum:
            return "", None, False
        stop = 4 + int.from_bytes(data[:4], "little")
        head = json.loads(data[4:stop])
        if not head["key"].startswith(f"{VERSION} ") or head["fields"]["path"] != path:
            return "", None, False
        arrays: dict[str, Any] = {}
        for (name, kind), length in zip(_ARRAYS.items(), head["lengths"]):
            arrays[name] = np.frombuffer(data, dtype=kind, count=length, offset=stop)
            stop += arrays[name].nbytes
        fields = head["fields"] | {"time_base": tuple(head["fields"]["time_base"])}
        fields["remarks"] = tuple(map(tuple, fields["remarks"]))
        if stop != len(data):
            return "", None, False
        return head["key"], FrameIndex(**arrays, **fields), bool(head["scanned"])
    except (ValueError, KeyError, TypeError):
        return "", None, False


def require(index: FrameIndex | None, path: str, *, timeout_s: float | None = None) -> FrameIndex:
    """The index given by the caller, if it is this file's; else the cached or scanned one."""
    if index is None:
        return index_of(path, timeout_s=timeout_s)
    if os.path.abspath(index.path) != os.path.abspath(path):
        raise VideoError(f"{path}: the frame index given is that of {index.path}", path=path, kind="unreadable")
    return index
