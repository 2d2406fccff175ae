"""The index of videos as a table: ``videos.parquet`` or ``videos.csv``, one row a video."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl import files
from mvssl.errors import InputError
from mvssl.rows import TableRow, clean, read_rows
from mvssl.types import Video

FIELDS: dict[str, type] = get_type_hints(Video)
_ALIASES = {"video": "id", "action": "label"}  # other names that our own tables use


def write_videos(videos: Iterable[Video], path: str | os.PathLike) -> None:
    """Write the index as Parquet; the file appears under its name only when it is complete.

    Paths under the table's own folder are stored relative to it, so that the folder can move.
    """
    path = Path(path)
    root = path.parent.resolve()
    rows = [video._replace(path=_stored(_relative(video.path, root)))._asdict() for video in videos]
    types = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in FIELDS.items()], metadata={"mvssl": "videos"})
    with files.whole_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)


def read_table(path: str | os.PathLike) -> list[Video]:
    """Rows of ``videos.parquet`` or of a ``videos.csv`` with a header (column ``video`` or ``id``); other columns are left.

    Raises:
        InputError: a value that cannot be read, a missing or repeated id; names the row. What else: ``mvssl.rows``.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        stored: Sequence[Mapping[str, Any]] = pq.read_table(path).to_pylist()
        rows: list[tuple[Mapping[str, Any], str, TableRow | None]] = [
            (row, f"{path}, row {number}", None) for number, row in enumerate(stored, start=1)
        ]
    else:
        rows = [(row.cells, row.where, row) for row in read_rows(path)]
    return unique([_row(values, path, where, row) for values, where, row in rows], str(path))


def unique(videos: list[Video], where: str) -> list[Video]:
    """The same list with ids in composed form (NFC, as label tables are read), if no id occurs twice."""
    videos = [video._replace(id=clean(video.id)) for video in videos]
    seen: set[str] = set()
    for video in videos:
        if video.id in seen:
            raise InputError(f"{where}: the id {video.id!r} occurs twice; every row needs one of its own")
        seen.add(video.id)
    return videos


def _row(row: Mapping[str, Any], path: Path, where: str, cells: TableRow | None) -> Video:
    """A video of named values; ``cells`` are there where the values are text."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        field = name if name in FIELDS else _ALIASES.get(name or "", "")
        if not field or value is None or value == "" or (field in values and name in _ALIASES):
            continue
        values[field] = _to(FIELDS[field], name, value, where, cells)
    if "id" not in values and "path" not in values:
        raise InputError(f"{where}: needs a column 'video' (path relative to the table) or 'id'")
    values.setdefault("id", values.get("path"))
    values["path"] = existing(path.parent / _opened(values.get("path", values["id"])))
    if "end_s" not in values and "start_s" in values and row.get("duration_s"):
        values["end_s"] = values["start_s"] + _to(float, "duration_s", row["duration_s"], where, cells)
    if values.get("end_s", np.inf) <= values.get("start_s", -np.inf):
        raise InputError(f"{where}, column end_s: {values['end_s']:g} must lie after start_s {values['start_s']:g}")
    return Video(**values)


def existing(path: Path) -> str:
    """The path as the disk spells it, where that is another form (NFC, NFD) of the same name."""
    for form in ("NFC", "NFD"):
        if not path.exists() and (other := Path(unicodedata.normalize(form, str(path)))).exists():  # type: ignore[arg-type]
            return str(other)
    return str(path)


_FALSE_TRUE = {"false": False, "0": False, "no": False, "true": True, "1": True, "yes": True}


def _to(kind: type, name: str, value: Any, where: str, cells: TableRow | None) -> Any:
    """A value as its field wants it.

    Raises:
        InputError: names row and column.
    """
    if cells is not None and kind is str:
        return cells.text(name)
    found = value
    if kind is bool and isinstance(value, str):
        found = _FALSE_TRUE.get(value.lower())
    elif cells is not None and kind in (float, int) and value.lower() not in ("inf", "-inf"):
        found = cells.number(name)
    if found is None or (kind is float and np.isnan(found)) or (kind is int and found != found // 1):
        raise InputError(f"{where}, column {name}: cannot read {value!r} as {kind.__name__}")
    return kind(found)


_BYTES = "bytes:"  # before a path that is no text, percent-encoded


def _stored(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return _BYTES + quote(path, errors="surrogateescape")
    return path


def _opened(path: str) -> str:
    return unquote(path.removeprefix(_BYTES), errors="surrogateescape") if path.startswith(_BYTES) else path


def _relative(path: str, root: Path) -> str:
    resolved = Path(path).resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(resolved)
