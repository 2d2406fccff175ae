"""Whether the tables of an MP4 or QuickTime file agree with each other: they say several things twice (ISO/IEC 14496-12).

FFmpeg goes by one of them without a word, so a wrong byte there may move every picture to another time.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ._mp4 import SAMPLE_BOXES, TRACK_BOXES, track


class Mp4Verdict(NamedTuple):
    contradicts: bool  # a rule of the format is broken: no time or picture of this track can be trusted
    remark: str  # a stated duration that agrees with nothing; writers differ here, so it may mean nothing


def judge(path: str, track_id: int) -> Mp4Verdict:
    """What the tables of a track say of each other; nothing for a fragmented file."""
    with open(path, "rb") as file:
        tables = track(file, os.path.getsize(path), track_id)
    if tables is None:
        return Mp4Verdict(False, "")
    try:
        return Mp4Verdict(not _agree(tables), "; ".join(_odd_durations(tables)))
    except (struct.error, KeyError, ValueError):
        return Mp4Verdict(True, "")


def _agree(tables: dict[bytes, bytes]) -> bool:
    """Whether all tables speak of the same number of samples, and none has lost its name."""
    steps = _rows(tables[b"stts"], 2)
    count = int(steps[:, 0].sum())
    for parent, known in ((b"stbl", SAMPLE_BOXES), (b"trak", TRACK_BOXES), (b"edts", frozenset([b"elst"]))):
        if any(_is_spoilt_name(name, known - {name}) for name in tables.get(parent, b"").split(b"/")):
            return False
    if b"stsz" in tables and struct.unpack_from(">I", tables[b"stsz"], 8)[0] != count:
        return False
    if b"ctts" in tables and int(_rows(tables[b"ctts"], 2)[:, 0].sum()) != count:
        return False
    chunks = _rows(tables[b"stsc"], 3)
    num_chunks = struct.unpack_from(">I", tables[b"stco"] if b"stco" in tables else tables[b"co64"], 4)[0]
    return int((np.diff(np.append(chunks[:, 0], num_chunks + 1)) * chunks[:, 1]).sum()) == count


def _is_spoilt_name(name: bytes, those: frozenset[bytes]) -> bool:
    """Whether the name of an unknown box was that of a known one: no letters, or all but one of its four."""
    if not name:
        return False
    return not all(32 <= byte < 127 for byte in name) or any(
        sum(a == b for a, b in zip(name, known)) == 3 for known in those
    )


def _odd_durations(tables: dict[bytes, bytes]) -> Iterator[str]:
    """Stated durations that are neither the sum of the samples' nor, as FFmpeg writes them, from the earliest presentation
    time or that of the first sample to the end of the sample that comes last, in time or in the file."""
    steps, media = _rows(tables[b"stts"], 2), _duration(tables[b"mdhd"], 24, 16)
    length = np.repeat(steps[:, 1], steps[:, 0])
    times = np.cumsum(length) - length
    if b"ctts" in tables:
        offsets = _rows(tables[b"ctts"], 2)
        times = times + np.repeat(offsets[:, 1].astype(np.uint32).view(np.int32), offsets[:, 0])[: len(times)]
    if not len(times):
        return
    from_zero = [times.max() + length[-1], (times + length).max()]
    sums = [length.sum(), *from_zero, *(end - start for end in from_zero for start in (times.min(), times[0]))]
    if media not in (0, 0xFFFFFFFF, 2**64 - 1) and min(abs(media - int(total)) for total in sums) > length.max():
        yield f"the header states a duration of {media} ticks, the samples take {int(length.sum())}"
    if b"elst" in tables:
        edits, stated = _edited(tables[b"elst"]), _duration(tables[b"tkhd"], 28, 20)
        if edits and stated not in (0, 0xFFFFFFFF, 2**64 - 1) and abs(edits - stated) > 1:
            yield f"the edits take {edits} ticks, the header of the track states {stated}"


def _edited(table: bytes) -> int:
    """Sum of the edits of an edit list, on the movie's clock."""
    form = ">QqI" if table[0] else ">IiI"
    size = struct.calcsize(form)
    return sum(struct.unpack_from(form, table, 8 + n * size)[0] for n in range(struct.unpack_from(">I", table, 4)[0]))


def _duration(header: bytes, long: int, short: int) -> int:
    """The duration in a header box, 64 or 32 bits wide by its version."""
    return struct.unpack_from(">Q", header, long)[0] if header[0] else struct.unpack_from(">I", header, short)[0]


def _rows(table: bytes, columns: int) -> np.ndarray:
    count = struct.unpack_from(">I", table, 4)[0]
    return np.frombuffer(table, ">u4", offset=8, count=columns * count).reshape(-1, columns).astype(np.int64)
