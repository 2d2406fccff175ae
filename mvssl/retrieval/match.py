"""``Match``: one place found by a search; suppression of near-duplicates in time; the table of matches."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl.errors import InputError


class Match(NamedTuple):
    """One place found. ``start_s`` and ``end_s`` bound it; for a single frame both equal ``time_s``."""

    rank: int  # 1 = nearest
    video: str
    frame: int  # frame number in the file, of ``time_s``
    time_s: float
    start_s: float
    end_s: float
    distance: float  # cosine distance; of a range, the mean along the path
    session: str = ""
    camera: str = ""
    path: str = ""  # where the video was when it was embedded


def suppress(video: np.ndarray, time_s: np.ndarray, *, merge_within_s: float, k: int) -> np.ndarray:
    """Which of the hits to keep: the first of each cluster in time, at most k.

    Args:
        video: (L,) number of each hit's video, best hit first.
        time_s: (L,) its time.
        merge_within_s: a hit this near to (or nearer than) a kept one of the same video is dropped; 0 keeps all.

    Returns:
        (<= k,) int64 positions, in order.
    """
    kept: list[int] = []
    taken: dict[int, list[float]] = {}
    for i, (which, when) in enumerate(zip(video.tolist(), time_s.tolist())):
        if len(kept) == k:
            break
        times = taken.setdefault(which, [])
        if merge_within_s > 0 and any(abs(when - other) <= merge_within_s for other in times):
            continue
        times.append(when)
        kept.append(i)
    return np.array(kept, dtype=np.int64)


def write_matches(path: str | Path, matches: Sequence[Match]) -> Path:
    """Writes the matches as Parquet or CSV, by the ending of the name."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        types = (pa.int64(), pa.string(), pa.int64(), *[pa.float64()] * 4, *[pa.string()] * 3)
        columns = {
            name: pa.array([match[i] for match in matches], kind)
            for i, (name, kind) in enumerate(zip(Match._fields, types))
        }
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Match._fields)
            writer.writerows(matches)
    else:
        raise InputError(f"{path}: matches are written as .parquet or .csv")
    return path
