"""Hugging Face videofolder: ``metadata.csv``, ``.jsonl`` or ``.parquet``, in the folder or in its split folders; or neither."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mvssl.errors import InputError
from mvssl.rows import clean, read_rows, read_text
from mvssl.types import Video

from .folder import SYSTEM, walk

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SPLITS = {  # words of folder names, as the library ``datasets`` knows them, and ours for them
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def metadata_files(folder: Path) -> list[Path]:
    """The tables of a folder, of its sub-folders, and of theirs (``data/train/metadata.csv``)."""
    return [path for depth in ("", "*/", "*/*/") for name in NAMES for path in sorted(folder.glob(depth + name))]


def has_split_folders(folder: Path) -> bool:
    """Whether all sub-folders that are entered are splits by their names, one of them for training and one other."""
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not SYSTEM.fullmatch(entry.name)]
    splits = {SPLITS.get(name.lower()) for name in names}
    return len(splits) > 1 and "train" in splits and None not in splits


def read_videofolder(path: Path, root: Path) -> list[Video]:
    """A row for each ``file_name`` (or ``video_file_name``), which is relative to the folder of its table; without a table, as
    the library does, the folder of a video is its label.

    Raises:
        InputError: tables of several kinds, a row that cannot be read or names no file inside its folder.
    """
    tables = [path] if path.is_file() else metadata_files(path)
    if not tables:
        return [_by_folders(video) for video in walk(path)[0]]
    if len({table.suffix for table in tables}) > 1:
        raise InputError(
            f"{path}: tables of several kinds: {', '.join(str(table.relative_to(path)) for table in tables)}"
        )
    videos = []
    for table in tables:
        folder = table.parent if path.is_dir() else root
        inside = PurePosixPath(table.parent.relative_to(path).as_posix() if path.is_dir() else "")
        for row, where in _rows(table):
            name = str(row.get("file_name") or row.get("video_file_name") or "")
            if not name:
                raise InputError(f"{where}: no file_name")
            if "://" in name or ".." in Path(name).parts or Path(name).is_absolute():
                raise InputError(f"{where}, column file_name: {name!r} must be a path inside the folder of the table")
            known = {
                field: clean(str(row[field]))
                for field in ("session", "camera", "group", "split", "label")
                if row.get(field) not in (None, "")
            }
            known.setdefault("split", _split((inside / name).parts))
            videos.append(Video((inside / name).as_posix(), str(folder / name), **known))  # type: ignore[arg-type]
    return videos


def _by_folders(video: Video) -> Video:
    parts = PurePosixPath(video.id).parts
    inner = parts[-2].lower() if len(parts) > 1 else ""
    return video._replace(split=_split(parts), label="" if inner in SPLITS else clean(inner and parts[-2]))


def _split(parts: tuple[str, ...]) -> str:
    return next((SPLITS[part.lower()] for part in parts[:-1] if part.lower() in SPLITS), "")


def _rows(table: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each row and where it stands."""
    if table.suffix == ".csv":
        yield from ((row.cells, row.where) for row in read_rows(table))
    elif table.suffix == ".parquet":
        try:
            rows = pq.read_table(table).to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{table}: not a Parquet table ({error})") from None
        yield from ((row, f"{table}, row {number}") for number, row in enumerate(rows, start=1))
    else:
        for number, line in enumerate(
            read_text(table).split("\n"), start=1
        ):  # not splitlines: U+2028 may stand in a text
            if line.strip():
                where = f"{table}, row {number}"
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise InputError(f"{where}: no JSON ({error})") from None
                if not isinstance(row, dict):
                    raise InputError(f"{where}: {line[:60]!r} is no JSON object")
                yield row, where
