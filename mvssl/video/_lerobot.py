"""LeRobot datasets, format v3: many episodes in one video file, each a range of it; one camera per video key."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from mvssl.errors import InputError
from mvssl.types import Video

_MAX_DIGITS = 32  # of a number in a name; a template could ask for thousands of millions


def read_lerobot(path: Path, root: Path) -> list[Video]:
    """One row an episode and camera: session = episode, camera = video key, ``start_s`` .. ``end_s`` inside the file.

    Raises:
        InputError: another version of the format, or a ``video_path`` that is no plain name below the dataset's folder.
    """
    about = path / "meta" / "info.json"
    try:
        info = json.loads(about.read_text(encoding="utf-8"))
        version = str(info.get("codebase_version", ""))
    except (ValueError, AttributeError) as error:
        raise InputError(f"{about}: is no LeRobot description ({error})") from None
    if not version.startswith("v3"):
        raise InputError(
            f"{path}: LeRobot format {version or 'unknown'}; only v3 is read (convert it with lerobot's own script)"
        )
    if missing := [key for key in ("features", "video_path") if not info.get(key)]:
        raise InputError(f"{about}: no {missing[0]}, so it holds no videos that can be found")
    keys = [key for key, feature in info["features"].items() if feature.get("dtype") == "video"]
    videos = []
    for file in sorted((path / "meta" / "episodes").rglob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            for key in keys:
                at = f"videos/{key}/"
                if missing := [name for name in _COLUMNS if row.get(at + name) is None]:
                    raise InputError(f"{file}: no column {at}{missing[0]}, or a row without a value there")
                name = file_named(
                    info["video_path"], {"video_key": key, **{n: row[at + n] for n in _COLUMNS[:2]}}, where=str(about)
                )
                start_s, end_s = float(row[at + "from_timestamp"]), float(row[at + "to_timestamp"])
                session = f"episode_{row['episode_index']:06d}"
                videos.append(
                    Video(
                        f"{session}/{key}", str(root / name), start_s=start_s, end_s=end_s,
                        session=session, camera=key, offset_s=-start_s, label=(row.get("tasks") or [""])[0],
                    )
                )  # fmt: skip
    return videos


_COLUMNS = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


def file_named(template: str, values: Mapping[str, Any], *, where: str) -> str:
    """A path below the dataset's folder from ``video_path``, e.g. ``videos/{video_key}/file-{file_index:03d}.mp4``.

    Raises:
        InputError: the template asks for something else than the text ``video_key`` and the whole numbers
            ``chunk_index`` and ``file_index`` (of any width up to 32 digits), or the path leads out of the folder.
    """
    name = ""
    try:
        for text, field, form, conversion in string.Formatter().parse(template):
            name += text
            if field is None:
                continue
            digits = re.fullmatch(r"0?(\d{0,9})d?", form or "")
            if field not in values or conversion or digits is None or (form and field == "video_key"):
                raise ValueError(f"{{{field}{':' if form else ''}{form}}} is not known here")
            if int(digits[1] or 0) > _MAX_DIGITS:
                raise ValueError(f"a number of {digits[1]} digits, more than {_MAX_DIGITS}")
            name += format(values[field] if field == "video_key" else int(values[field]), form or "")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where}: video_path {str(template)[:200]!r}: {error}; known are {', '.join(values)}, numbers as {{file_index:03d}}"
        ) from None
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise InputError(f"{where}: video_path leads to {name[:200]!r}, which is not below the folder of the dataset")
    return name
