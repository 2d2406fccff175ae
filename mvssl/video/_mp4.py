"""Packet times of an MP4 or QuickTime file without reading its pictures.

FFmpeg builds an index of the samples when it opens the file (decoding times, key and edit-list flags), but keeps the
composition offsets to itself; those are read here from the ``ctts`` table. So the scan costs milliseconds instead of a
pass over the file. Anything unusual (fragments, samples repeated by edits) gives None: the caller demuxes instead.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

_INNER = (b"mdia", b"minf", b"stbl", b"edts")
_TABLES = (b"ctts", b"stss", b"stts", b"tkhd", b"mdhd", b"elst", b"stsc")
_COUNTS = (b"stsz", b"stco", b"co64")  # of these only the number of entries matters here
SAMPLE_BOXES = frozenset(
    b"stsd stts ctts cslg stsc stsz stz2 stco co64 stss stsh stps padb stdp sdtp sbgp sgpd subs saiz saio free skip".split()
)
TRACK_BOXES = frozenset(b"tkhd edts mdia tref trgr udta meta tapt".split())
_BOXES = frozenset(
    b"ftyp styp moov moof mdat free skip wide sidx ssix mfra udta meta uuid emsg prft pnot PICT junk".split()
)


def packet_table(path: str, container, stream) -> tuple[np.ndarray, ...] | None:
    """pts, dts, key, discard, duration of every packet in file order; None where only demuxing tells."""
    if "mp4" not in container.format.name:
        return None
    with open(path, "rb") as file:
        tables = track(file, os.path.getsize(path), stream.id)
    if tables is None or b"stts" not in tables:
        return None
    entries = stream.index_entries
    if not len(entries):
        return None
    known = _from_tables(tables, entries)
    if known is None:
        dts, flags = np.array([(entry.timestamp, entry.flags) for entry in entries], dtype=np.int64).T
    else:
        dts, flags = known
    offsets = _runs(tables[b"ctts"], len(dts), signed=True) if b"ctts" in tables else np.zeros(len(dts), np.int64)
    duration = _runs(tables[b"stts"], len(dts), signed=False)
    if offsets is None or duration is None:  # edits have dropped or repeated samples
        return None
    first = next(container.demux(stream))
    if first.pts is None or first.dts != dts[0]:
        return None
    pts = dts + offsets + (first.pts - dts[0] - offsets[0])
    return pts, dts, (flags & 1).astype(bool), (flags & 2).astype(bool), duration


def broken_ranges(path: str) -> list[tuple[int, int]]:
    """Byte ranges from the last whole box before the chain of boxes breaks to the fragment where it goes on."""
    size = os.path.getsize(path)
    broken = []
    with open(path, "rb") as file:
        at = last = 0
        while at < size:
            file.seek(at)
            header = file.read(16)
            length, kind = struct.unpack_from(">I4s", header.ljust(16, b"\0"))
            if length == 1:
                length = struct.unpack_from(">Q", header.ljust(16, b"\0"), 8)[0]
            length = size - at if length == 0 and kind in _BOXES else length
            if kind in _BOXES and length >= 8 and at + length <= size:
                last, at = at, at + length
                continue
            stop = _next_fragment(file, at + 8, size)
            broken.append((last, stop))
            last = at = stop
    return broken


def _next_fragment(file: BinaryIO, at: int, size: int) -> int:
    """Start of the next ``moof`` box; the end of the file if there is none."""
    while at < size:
        file.seek(at)
        piece = file.read((1 << 20) + 8)
        hit = piece.find(b"moof", 4)
        if hit >= 0:
            return at + hit - 4
        at += 1 << 20
    return size


def _from_tables(tables: dict[bytes, bytes], entries) -> tuple[np.ndarray, np.ndarray] | None:
    """Decoding times and flags of FFmpeg's entries, from the tables (asking for 15,000 entries one by one takes longer than
    decoding a clip); None where they differ from the entries at the ends, at a key frame, or at some places between."""
    count = len(entries)
    steps = _runs(tables[b"stts"], count, signed=False)
    if steps is None or b"stss" not in tables:
        return None
    dts = entries[0].timestamp + np.concatenate([[0], np.cumsum(steps[:-1])])
    keys = np.frombuffer(tables[b"stss"], dtype=">u4", offset=8).astype(np.int64) - 1
    if len(keys) and (keys.min() < 0 or keys.max() >= count):
        return None
    flags = np.zeros(count, dtype=np.int64)
    flags[keys] = 1
    for at in {*keys.tolist(), *np.linspace(0, count - 1, 100).astype(int).tolist()}:
        entry = entries[at]
        if (entry.timestamp, entry.flags) != (dts[at], flags[at]):
            return None
    return dts, flags


def _runs(table: bytes, count: int, *, signed: bool) -> np.ndarray | None:
    """A run-length table (version and flags, number of runs, then length and value of each), spread out to ``count``."""
    runs = np.frombuffer(table, dtype=">u4", offset=8, count=2 * struct.unpack_from(">I", table, 4)[0]).reshape(-1, 2)
    lengths, values = runs[:, 0].astype(np.int64), runs[:, 1].astype(np.int64)
    if lengths.sum() != count:
        return None
    if signed:
        values = values.astype(np.int32).astype(np.int64)
    return np.repeat(values, lengths)


def track(file: BinaryIO, size: int, track_id: int) -> dict[bytes, bytes] | None:
    """The tables of one track; None for a fragmented file or one without a movie box.

    ``edts`` is there where the track has an edit list; ``stbl`` and ``trak`` name the boxes in them that do not belong there.
    """
    for kind, start, stop in _boxes(file, 0, size):
        if kind == b"moov":
            children = list(_boxes(file, start, stop))
            if any(child[0] == b"mvex" for child in children):
                return None
            for child, low, high in children:
                if child == b"trak":
                    tables = dict(_tables(file, low, high)) | {b"trak": _names(file, low, high, TRACK_BOXES)}
                    header = tables.get(b"tkhd", b"")
                    if len(header) >= 24 and struct.unpack_from(">I", header, 20 if header[0] else 12)[0] == track_id:
                        return tables
            return None
    return None


def _tables(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, bytes]]:
    for kind, low, high in _boxes(file, start, stop):
        if kind in _INNER:
            yield kind, _names(file, low, high, SAMPLE_BOXES)
            yield from _tables(file, low, high)
        elif kind in _TABLES or kind in _COUNTS:
            file.seek(low)
            yield kind, file.read(high - low if kind in _TABLES else 12)


def _names(file: BinaryIO, start: int, stop: int, known: frozenset[bytes]) -> bytes:
    """Names of the boxes in a range that are not known there."""
    return b"/".join(b"" if child[0] in known else child[0] for child in _boxes(file, start, stop))


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end of the content of each box in a range."""
    while start + 8 <= stop:
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, kind = struct.unpack_from(">I4s", header)
        head = 8
        if length == 1 and len(header) == 16:
            length, head = struct.unpack_from(">Q", header, 8)[0], 16
        elif length == 0:
            length = stop - start
        if length < head:
            return
        yield kind, start + head, min(start + length, stop)
        start += length
