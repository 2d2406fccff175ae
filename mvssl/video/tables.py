"""The index of videos as a table: ``videos.parquet`` or ``videos.csv``, one row a video."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from mvssl.errors import InputError
from mvssl.types import Video

FIELDS: dict[str, type] = get_type_hints(Video)
_ALIASES = {"video": "id", "action": "label"}  # other names that our own tables use


def write_videos(videos: Iterable[Video], path: str | os.PathLike) -> None:
    """Write the index as Parquet; the file appears under its name only when it is complete.

    Paths under the table's own folder are stored relative to it, so that the folder can move.
    """
    path = Path(path)
    root = path.parent.resolve()
    rows = [video._replace(path=_relative(video.path, root))._asdict() for video in videos]
    types = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in FIELDS.items()], metadata={"mvssl": "videos"})
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_table(path: str | os.PathLike) -> list[Video]:
    """Rows of ``videos.parquet`` or of a ``videos.csv`` with a header (column ``video`` or ``id``); other columns are left.

    Raises:
        InputError: a value that cannot be read, a missing or repeated id; names the row.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        rows: Sequence[Mapping[str, Any]] = pq.read_table(path).to_pylist()
    else:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    videos = [_row(row, path, number) for number, row in enumerate(rows, start=2)]
    return unique(videos, str(path))


def unique(videos: list[Video], where: str) -> list[Video]:
    """The same list, if no id occurs twice."""
    seen: set[str] = set()
    for video in videos:
        if video.id in seen:
            raise InputError(f"{where}: the id {video.id!r} occurs twice; every row needs one of its own")
        seen.add(video.id)
    return videos


def _row(row: Mapping[str, Any], path: Path, number: int) -> Video:
    values: dict[str, Any] = {}
    for name, value in row.items():
        field = name if name in FIELDS else _ALIASES.get(name or "", "")
        if not field or value is None or value == "" or (field in values and name in _ALIASES):
            continue
        try:
            values[field] = _to(FIELDS[field], value)
        except ValueError as error:
            raise InputError(
                f"{path}, row {number}, column {name}: cannot read {value!r} as {FIELDS[field].__name__}"
            ) from error
    if "id" not in values and "path" not in values:
        raise InputError(f"{path}, row {number}: needs a column 'video' (path relative to the table) or 'id'")
    values.setdefault("id", values.get("path"))
    values["path"] = str(path.parent / values.get("path", values["id"]))
    if "end_s" not in values and "start_s" in values and row.get("duration_s"):
        values["end_s"] = values["start_s"] + float(row["duration_s"])
    return Video(**values)


def _to(kind: type, value: Any):
    if kind is bool and isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
    return kind(value)


def _relative(path: str, root: Path) -> str:
    resolved = Path(path).resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(resolved)
