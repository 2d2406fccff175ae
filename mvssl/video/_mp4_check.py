"""Whether the tables of an MP4 or QuickTime file agree with each other: they say several things twice (ISO/IEC 14496-12).

FFmpeg goes by one of them without a word, so a wrong byte there may move every picture to another time.
"""

from __future__ import annotations

import os
import struct

import numpy as np

from ._mp4 import track


def contradicts(path: str, track_id: int) -> bool:
    """Whether the tables of a track contradict each other; False for a fragmented file."""
    with open(path, "rb") as file:
        tables = track(file, os.path.getsize(path), track_id)
    if tables is None:
        return False
    try:
        return not _agree(tables)
    except (struct.error, KeyError, ValueError):
        return True


def _agree(tables: dict[bytes, bytes]) -> bool:
    steps, media = _rows(tables[b"stts"], 2), tables[b"mdhd"]
    spent = int((steps[:, 0] * steps[:, 1]).sum())
    count = int(steps[:, 0].sum())
    if tables[b"stbl"] or abs(_duration(media, 24, 16) - spent) > steps[:, 1].max(initial=0):
        return False
    if b"stsz" in tables and struct.unpack_from(">I", tables[b"stsz"], 8)[0] != count:
        return False
    if b"ctts" in tables and int(_rows(tables[b"ctts"], 2)[:, 0].sum()) != count:
        return False
    chunks = _rows(tables[b"stsc"], 3)
    num_chunks = struct.unpack_from(">I", tables[b"stco"] if b"stco" in tables else tables[b"co64"], 4)[0]
    if int((np.diff(np.append(chunks[:, 0], num_chunks + 1)) * chunks[:, 1]).sum()) != count:
        return False
    return b"edts" not in tables or abs(_edited(tables[b"elst"]) - _duration(tables[b"tkhd"], 28, 20)) <= 1


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
