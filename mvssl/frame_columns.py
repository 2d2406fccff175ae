"""What the file of an embedded video must hold, checked before anything is computed from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mvssl import older_files
from mvssl.errors import InputError

_HINT = "embed the video again (mvssl embed)"


def check_columns(path: str | Path, table: pa.Table) -> None:
    """Raises InputError: a column is missing, of another type, or holds no values; times do not rise; no rows."""
    fields = {field.name: field.type for field in table.schema}
    for name, fits, wanted in (
        ("frame", pa.types.is_integer, "whole numbers"),
        ("time_s", pa.types.is_floating, "seconds"),
        ("embedding", _is_vectors, "lists of one fixed length of floats"),
    ):
        if name not in fields:
            raise InputError(f"{path}: no column {name}; it holds {', '.join(fields) or 'none'}; {_HINT}")
        if not fits(fields[name]):
            raise InputError(f"{path}: column {name} holds {fields[name]}, not {wanted}; {_HINT}")
        if table.column(name).null_count:
            raise InputError(f"{path}: column {name} has {table.column(name).null_count} rows without a value; {_HINT}")
    if not table.num_rows:
        raise InputError(f"{path}: a table without rows; {_HINT}")
    time_s = table.column("time_s").to_numpy()
    if not np.isfinite(time_s).all() or (np.diff(time_s) < 0).any():
        raise InputError(f"{path}: column time_s must rise from row to row and hold numbers alone; {_HINT}")


def read_about(path: str | Path, stored: dict[bytes, bytes], known: tuple[str, ...]) -> tuple[dict, dict[str, Any]]:
    """What is known of the video (fields out of ``known``), and what made its rows.

    Raises:
        InputError: the file's notes are missing, are no JSON, or name fields that no video has.
    """
    if b"mvssl" not in stored or b"video" not in stored:
        raise InputError(f"{path}: a Parquet file, but not one of embedded frames; make it with `mvssl embed`")
    try:
        video, metadata = json.loads(stored[b"video"]), json.loads(stored[b"mvssl"])
    except ValueError as error:
        raise InputError(f"{path}: its notes on the video are no JSON ({error}); {_HINT}") from None
    if not isinstance(video, dict) or not isinstance(metadata, dict) or not isinstance(video.get("video"), str):
        raise InputError(f"{path}: its notes do not name a video; {_HINT}")
    if strange := sorted(set(video) - set(known)):
        raise InputError(f"{path}: its notes hold {strange[0]!r}, which no video has; {_HINT}")
    return video, older_files.about(metadata)


def _is_vectors(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type) and kind.list_size > 0
