"""``Match``: one place found by a search; which videos count; suppression of near-duplicates; the table of matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl import files
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
    first_s: float = 0.0  # of the file's first frame: the times are the file's, minus this a player's


class Selection(NamedTuple):
    """Which videos count in a search."""

    without_videos: frozenset[str] = frozenset()  # ids
    without_sessions: frozenset[str] = frozenset()
    where: tuple[tuple[str, str], ...] = ()  # (field, value) that a video must have, field one of ``FIELDS``


FIELDS = ("session", "camera", "group", "split", "label")


def checked_fields(where: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The conditions of a search as ``Selection`` wants them.

    Raises:
        InputError: a field that no video has.
    """
    for name in where:
        if name not in FIELDS:
            raise InputError(f"where {name}={where[name]}: videos are chosen by {', '.join(FIELDS)}")
    return tuple(where.items())


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


def apart(
    fetch: Callable[[int], list[Match]], k: int, *, merge_within_s: float, start: int | None = None
) -> list[Match]:
    """The k nearest places that are no near-duplicates in time; over-fetches until there are enough, or no more.

    Args:
        fetch: the n nearest frames, nearest first; fewer where there are no more.
        start: how many to ask for at first; default 8 k.
    """
    num_hits = start or 8 * k
    while True:
        hits = fetch(num_hits)
        number = np.unique([hit.video for hit in hits], return_inverse=True)[1]
        kept = suppress(number, np.array([hit.time_s for hit in hits]), merge_within_s=merge_within_s, k=k)
        if len(kept) == k or len(hits) < num_hits:
            return [hits[i]._replace(rank=rank) for rank, i in enumerate(kept, start=1)]
        num_hits *= 4


def write_matches(path: str | Path, matches: Sequence[Match]) -> Path:
    """Writes the matches as Parquet or CSV, by the ending of the name."""
    path = Path(path)
    if path.suffix == ".parquet":
        types = (pa.int64(), pa.string(), pa.int64(), *[pa.float64()] * 4, *[pa.string()] * 3, pa.float64())
        columns = {
            name: pa.array([match[i] for match in matches], kind)
            for i, (name, kind) in enumerate(zip(Match._fields, types))
        }
        with files.whole_file(path) as temporary:
            pq.write_table(pa.table(columns), temporary)
    elif path.suffix == ".csv":
        files.write_csv(path, Match._fields, matches)
    else:
        raise InputError(f"{path}: matches are written as .parquet or .csv")
    return path
