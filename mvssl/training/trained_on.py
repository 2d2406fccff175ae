"""What a run is trained on: a fingerprint of every video, kept with the run and compared when it goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mvssl import files
from mvssl.errors import InputError
from mvssl.training import checkpoint
from mvssl.types import Video
from mvssl.video.cache import fingerprint, index_of

FILE = "data.json"
_EDGE = 4096  # bytes at both ends of each picture of a folder
_NAMED = 3  # videos that a message names, of each kind of change

Rows = list[dict[str, Any]]  # one per video, in the order of training: id, content, and the other fields of its row


def fingerprint_of(videos: Sequence[Video], labels: Path | None = None) -> Rows:
    """What the training depends on: order and rows of the videos, content of their files; not where these lie.

    A file's content is told by its size, its first and last 64 KiB and the checksums of its packets, which the scan has
    made; a folder of pictures by names, sizes and both ends of each picture. Neither is read as a whole here.

    Args:
        labels: a table that the training reads too; compared byte by byte.
    """
    content = lru_cache(maxsize=None)(_content)  # ranges of one file share it
    rows = []
    for video in videos:
        fields = video._asdict()
        rows.append({"id": fields.pop("id"), "content": content(fields.pop("path")), **fields})
    if labels is not None and labels.is_file():
        rows.append({"id": labels.name, "content": hashlib.sha256(labels.read_bytes()).hexdigest()})
    return json.loads(json.dumps(rows))  # as it is read back


def changes(before: Rows, now: Rows) -> list[str]:
    """What is not the same, in words that name the videos; empty where nothing is."""
    old, new = {row["id"]: row for row in before}, {row["id"]: row for row in now}
    gone, added = [i for i in old if i not in new], [i for i in new if i not in old]
    came_from = {old[i]["content"]: i for i in reversed(gone)}
    renamed = {i: came_from.pop(new[i]["content"]) for i in added if new[i]["content"] in came_from}
    gone, added = [i for i in gone if i not in renamed.values()], [i for i in added if i not in renamed]
    both = [i for i in old if i in new]
    replaced = [i for i in both if old[i]["content"] != new[i]["content"]]
    altered = [i for i in both if i not in replaced and old[i] != new[i]]
    found = {
        "gone": gone,
        "added": added,
        "renamed": [f"{was} -> {i}" for i, was in renamed.items()],
        "replaced by another content": replaced,
        "stated otherwise": [f"{i} ({_differing(old[i], new[i])})" for i in altered],
    }
    told = [f"{len(names)} {kind}: {_few(names)}" for kind, names in found.items() if names]
    if not told and list(old) != list(new):
        told = ["the order of the videos"]
    return told


def check(
    run: Path, now: Rows, *, accept: bool, write: bool, say: Callable[[str], object] = print
) -> str:  # fmt: skip
    """Compares with what the run was begun on, and writes that down; returns a hash of the whole.

    A run without a checkpoint has learnt nothing yet and may be begun on other data.

    Args:
        accept: go on though the data changed (``data.changed=accept``); it is said aloud.
        write: of several processes one writes.

    Raises:
        InputError: the data changed; names how.
    """
    before = _read(run / FILE)
    begun = checkpoint.last_by_name(run / "checkpoints") is not None
    changed = changes(before, now) if before is not None else []
    if changed and begun and not accept:
        raise InputError(
            f"{run}: the data is not what the run was begun with: {'; '.join(changed)}; put it back, choose another folder, "
            "or go on with what there is now by data.changed=accept"
        )
    if write:
        if changed and begun:
            say(f"{run}: goes on with other data: {'; '.join(changed)}")
        elif before is None and begun:
            say(
                f"{run}: does not state what it was begun with (written by an older version); the data is taken as the same"
            )
        if before != now:
            with checkpoint.writing(run / FILE):
                files.write_text(run / FILE, json.dumps(now, indent=0))
    return hashlib.sha256(json.dumps(now).encode()).hexdigest()[:16]


def _read(path: Path) -> Rows | None:
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        return [{"id": row["id"], "content": row["content"], **row} for row in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: states what the run was begun with, and cannot be read ({type(error).__name__}); delete it to take "
            "the data as it is now"
        ) from None


def _content(path: str) -> str:
    if os.path.isdir(path):
        digest = hashlib.blake2b(digest_size=16)
        for picture in _pictures(path):
            digest.update(picture)
        return digest.hexdigest()
    _, size, _, ends = fingerprint(path).split()
    packets = hashlib.blake2b(index_of(path, checksums=True).crc.tobytes(), digest_size=16)
    return f"{size} {ends} {packets.hexdigest()}"


def _pictures(path: str) -> list[bytes]:
    pictures = []
    for file in sorted(Path(path).iterdir()):
        if file.is_file():
            size = file.stat().st_size
            with file.open("rb") as opened:
                first = opened.read(_EDGE)
                opened.seek(max(size - _EDGE, 0))
                pictures.append(f"{file.name}|{size}|".encode() + first + opened.read())
    return pictures


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in new if old.get(name) != new.get(name))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
