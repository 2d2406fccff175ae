"""Read the index of videos from whatever a user has: a folder, a table, a list of a public dataset. Told apart by sniffing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mvssl.errors import InputError
from mvssl.rows import read_text
from mvssl.types import Video

from ._lerobot import read_lerobot
from ._lists import read_hmdb51, read_kinetics, read_ucf101
from ._videofolder import has_split_folders, metadata_files, read_videofolder
from .folder import walk
from .opening import open_video
from .suffixes import SUFFIXES as SUFFIXES
from .tables import read_table, unique

LAYOUTS = ("table", "folder", "videofolder", "lerobot", "kinetics", "ucf101", "hmdb51")


def read_videos(
    path: str | os.PathLike,
    *,
    layout: str | None = None,
    root: str | os.PathLike | None = None,
    pattern: str | None = None,
    probe: bool = True,
) -> list[Video]:
    """The rows of an index.

    Args:
        path: a folder, a table, a list, or one video file.
        layout: one of ``LAYOUTS``, where sniffing cannot tell.
        root: folder that the paths in the list are relative to; default: the folder of the list.
        pattern: regular expression on the id with groups named ``session``, ``camera``, ``group``, ``label`` or ``split``
            (any of them), e.g. ``r"(?P<session>.+)_(?P<camera>cam\\d+)"``; fills fields that the table leaves empty.
        probe: open each file whose row does not say how long it is, and complete the row.

    Raises:
        InputError: nothing found, or a layout that cannot be told apart: then it names the choices.
        VideoError: with ``probe``, the first file that cannot be read (``scan`` reports them all instead).
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}; known: {', '.join(LAYOUTS)}")
    kind = layout or sniff(path)
    base = Path(root) if root is not None else (path if path.is_dir() else path.parent)
    videos = unique(_READERS[kind](path, base), str(path))
    if not videos:
        raise InputError(f"{path}: no videos found (read as {kind!r})")
    if pattern is not None:
        videos = [_named(video, re.compile(pattern)) for video in videos]
    return [complete(video) if probe and needs_probe(video) else video for video in videos]


def needs_probe(video: Video) -> bool:
    return video.num_frames == 0 or video.start_s == -float("inf") or video.end_s == float("inf")


def complete(video: Video) -> Video:
    """The row with everything that the file itself says (bounds, size, rate, rotation, sound)."""
    with open_video(video) as decoder:
        return decoder.video


def sniff(path: Path) -> str:
    """Which of ``LAYOUTS`` a path is."""
    if path.is_dir():
        if _table_in(path):
            return "table"
        if (path / "meta" / "info.json").exists():
            return "lerobot"
        if metadata_files(path):
            return "videofolder"
        return "folder"
    if path.suffix.lower() in SUFFIXES:
        return "folder"
    if path in metadata_files(path.parent):
        return "videofolder"
    if path.suffix == ".parquet":
        return "table"
    first = next((line.strip() for line in read_text(path).split("\n") if line.strip()), "")
    header = {cell.strip().strip('"') for cell in re.split(r"[,;\s]", first.lower())}
    if path.suffix in (".csv", ".tsv") and header & {"video", "id"} and re.search(r"[,;\t]", first):
        return "table"
    if "youtube_id" in header:
        return "kinetics"
    name = path.name.lower()
    if re.search(r"(train|test)list\d+\.txt$", name):
        return "ucf101"
    if re.search(r"_test_split\d+\.txt$", name):
        return "hmdb51"
    if path.suffix in (".csv", ".txt") and re.match(r"^.+[,\s]\s*-?\d+\s*$", first):
        return "kinetics"
    raise InputError(
        f"{path}: cannot tell what kind of list this is (first line: {first[:80]!r}); name it: layout one of {', '.join(LAYOUTS)}"
    )


def _table_in(folder: Path) -> Path | None:
    return next((folder / name for name in ("videos.parquet", "videos.csv") if (folder / name).exists()), None)


def _read_table(path: Path, root: Path) -> list[Video]:
    return read_table(path if path.is_file() else _table_in(path) or path / "videos.parquet")


def _read_folder(path: Path, root: Path) -> list[Video]:
    """Video files, and folders of numbered pictures, under a folder; sorted by name. Names of splits give split and label."""
    if path.is_file():
        return [Video(path.name, str(path))]
    return read_videofolder(path, root) if has_split_folders(path) else walk(path)[0]


def _named(video: Video, pattern: re.Pattern) -> Video:
    match = pattern.search(video.id)
    if match is None:
        raise InputError(f"{video.id}: the pattern {pattern.pattern!r} does not match; every video must be named by it")
    values: dict[str, Any] = {
        field: value for field, value in match.groupdict().items() if value and not getattr(video, field)
    }
    return video._replace(**values)


_READERS = {
    "table": _read_table,
    "folder": _read_folder,
    "videofolder": read_videofolder,
    "lerobot": read_lerobot,
    "kinetics": read_kinetics,
    "ucf101": read_ucf101,
    "hmdb51": read_hmdb51,
}
