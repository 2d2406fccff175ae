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
from mvssl.errors import InputError
from mvssl.evaluation._result import Result
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.statistics import ALPHA, least_units, paired_comparison, sign_flips, unit_sums

NOT_RUN = "not run"
Column = tuple[np.ndarray, list[str]]


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
        generator: of the sign patterns.
        other_row: its name in the second file, if it differs.

    Returns:
        By metric ("phase_classification/recall"): first, second, difference (first - second), interval, p_value,
        num_videos, num_units, num_left_out, and of all these metrics together: adjusted (the p-value with regard to how many
        are compared) and verdict, "first is higher", "second is higher", "not shown" or how many videos that would need.
        Where there is no difference at all, a verdict other than "not shown" comes up at most once in twenty.

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
        found.append(content["rows"][name])
    return _compared(_per_video(found[0]), _per_video(found[1]), generator)


def _compared(
    first: Mapping[str, Column], second: Mapping[str, Column], generator: np.random.Generator
) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    sums: dict[str, dict[str, float]] = {}  # difference by metric and unit
    for metric in [name for name in first if name in second]:
        (one, units), (other, _) = first[metric], second[metric]
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() < 2:
            continue
        test = paired_comparison(one, other, units=units, generator=generator)
        table[metric] = {"first": float(one[both].mean()), "second": float(other[both].mean()), **test._asdict()}
        names = list(dict.fromkeys(units))
        sums[metric] = dict(zip(names, unit_sums((one - other)[:, None], units)[:, 0], strict=True))
    if not table:
        return table
    every = list(dict.fromkeys(unit for of in sums.values() for unit in of))
    differences = np.array([[of.get(unit, 0.0) for of in sums.values()] for unit in every])
    for row, adjusted in zip(table.values(), sign_flips(differences, generator=generator).adjusted, strict=True):
        row |= {"adjusted": float(adjusted), "verdict": _verdict(row, float(adjusted))}
    return table


def _verdict(row: Mapping[str, Any], adjusted: float) -> str:
    if row["num_units"] < least_units():
        return f"needs {least_units()} independent videos"
    low, high = row["interval"]
    if adjusted > ALPHA or low <= 0 <= high or np.isnan(low):
        return "not shown"
    return "first is higher" if row["difference"] > 0 else "second is higher"


def _per_video(row: Mapping[str, Any]) -> dict[str, Column]:
    """By metric, the values of the videos and the unit of each."""
    out: dict[str, Column] = {}
    for name, result in row.items():
        values = result["per_video"]
        columns = values if isinstance(values, dict) else {} if values is None else {"": values}
        for key, column in columns.items():
            units = result.get("units") or result["videos"] or [f"{i}" for i in range(len(column))]
            out[f"{name}/{key}" if key else name] = (np.array(column, dtype=np.float64), list(units))
    return out
