"""results.json: the numbers of every row with intervals and controls, what was measured on, by what, and how it is
defined."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from mvssl import files
from mvssl.embedding.tables import Frames
from mvssl.errors import InputError
from mvssl.evaluation._result import Result
from mvssl.labels import Segments
from mvssl.statistics import paired_comparison

NOT_RUN = "not run"


def data_hash(frames: Frames, segments: Segments | None = None) -> str:
    """A fingerprint of what is measured on: video ids, frame times, splits, groups, labels; not of the embeddings."""
    digest = hashlib.sha256()
    for video in frames:
        about = [getattr(video, name) for name in ("video", "session", "camera", "group", "split", "label")]
        digest.update(json.dumps(about).encode())
        digest.update(np.round(video.time_s, 4).tobytes())
    for name, rows in sorted((segments or Segments()).items()):
        digest.update(json.dumps([name, *map(list, rows)]).encode())
    return digest.hexdigest()[:16]


def write_results(
    path: str | Path,
    rows: Mapping[str, Mapping[str, Result] | str],
    frames: Frames,
    segments: Segments | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Writes results.json under a temporary name and renames it.

    Args:
        path: the file.
        rows: by method or control, in the order of the table; a string in place of results says why there are none
            (``NOT_RUN``).
        frames: the table of one of the rows: the videos measured on.
        segments: the labels.
        settings: configuration, number of tries, whatever else a reader needs; plain values.

    Returns:
        The path. Undefined numbers are null.
    """
    names = sorted({name for row in rows.values() if not isinstance(row, str) for name in row})
    content = {
        "definitions": {name: definition(name) for name in names},
        "data": {
            "hash": data_hash(frames, segments),
            "num_videos": {split: len(frames.where(split=split)) for split in sorted({v.split for v in frames})},
            "labels": (segments or Segments()).labels,
        },
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("mvssl", "numpy", "scipy", "scikit-learn")},
        "settings": dict(settings or {}),
        "rows": {
            row: found if isinstance(found, str) else {name: result.to_dict() for name, result in found.items()}
            for row, found in rows.items()
        },
    }
    return files.write_text(path, json.dumps(content, indent=1, allow_nan=False))


def definition(name: str) -> str:
    """What an evaluator measures: the words at the head of its file; of ``phase_classification_svm`` those of
    ``phase_classification``; "" for a name that is no file here."""
    while name:
        try:
            return (import_module(f"mvssl.evaluation.{name}").__doc__ or "").strip()
        except ModuleNotFoundError:
            name = name.rpartition("_")[0]
    return ""


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a results.json (a file, or the folder that holds it)."""
    path = Path(path)
    path = path / "results.json" if path.is_dir() else path
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no readable results ({error}); make them with `mvssl evaluate`") from None
    if not isinstance(content, dict) or not {"rows", "data"} <= set(content):
        raise InputError(f"{path}: a JSON file, but not one of results; make it with `mvssl evaluate`")
    return content


def compare_results(
    first: str | Path, second: str | Path, row: str, *, generator: np.random.Generator, other_row: str | None = None
) -> dict[str, dict[str, Any]]:
    """A paired comparison, video by video, of one row in two results files, for every metric that has values per video.

    Args:
        first, second: files or folders of results.
        row: method to compare.
        generator: of bootstrap and permutation.
        other_row: its name in the second file, if it differs.

    Returns:
        By metric ("phase_classification/recall"): first, second, difference (first - second), interval, p_value,
        num_videos.

    Raises:
        InputError: other data, or no such row.
    """
    a, b = read_results(first), read_results(second)
    if a["data"]["hash"] != b["data"]["hash"]:
        raise InputError(
            f"{first} and {second} were measured on different data ({a['data']['hash']}, {b['data']['hash']}); "
            "a paired comparison needs the same videos, times, splits and labels"
        )
    found = []
    for content, name, path in ((a, row, first), (b, other_row or row, second)):
        if not isinstance(content["rows"].get(name), dict):
            known = [key for key, value in content["rows"].items() if isinstance(value, dict)]
            raise InputError(f"{path}: no numbers for {name!r}; there are: {', '.join(known)}")
        found.append(_per_video(content["rows"][name]))
    table: dict[str, dict[str, Any]] = {}
    for metric in [name for name in found[0] if name in found[1]]:
        one, other = found[0][metric], found[1][metric]
        if (np.isfinite(one) & np.isfinite(other)).sum() < 2:
            continue
        test = paired_comparison(one, other, generator=generator)
        table[metric] = {
            "first": float(np.nanmean(one)),
            "second": float(np.nanmean(other)),
            **test._asdict(),
        }
    return table


def _per_video(row: Mapping[str, Any]) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}
    for name, result in row.items():
        values = result["per_video"]
        if isinstance(values, dict):
            out |= {f"{name}/{key}": np.array(column, dtype=np.float64) for key, column in values.items()}
        elif values is not None:
            out[name] = np.array(values, dtype=np.float64)
    return out
