"""Where the structure of a Matroska or WebM file does not hold: elements that do not join up, and failed checksums.

FFmpeg passes over such places to the next cluster without a word. Elements and their numbers: RFC 9559; the checksum
that some writers put first in an element: RFC 8794, section 11.3.1.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_SEGMENT, _CLUSTER, _CRC, _BLOCK = 0x18538067, 0x1F43B675, 0xBF, 0xA3
_TRACKS, _TRACK, _TRACK_NUMBER = 0x1654AE6B, 0xAE, 0xD7
_HEADERS = frozenset([0x1549A966, _TRACKS])  # Info, Tracks: a wrong byte here may change every time or picture
_TOP = _HEADERS | {_CLUSTER, 0x114D9B74, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, _CRC}
_IN_CLUSTER = frozenset([0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0xEC, _CRC, 0x5854, 0xAF])
_CHUNK = 1 << 20


def broken_ranges(path: str) -> list[tuple[int, int]]:
    """Byte ranges whose packets are in doubt: from the last whole block before a break to where the structure goes on."""
    size = os.path.getsize(path)
    broken: list[tuple[int, int]] = []
    tracks: set[int] = set()
    with open(path, "rb") as file:
        at = 0
        while (found := _element(file, at)) is not None and found[0] != _SEGMENT:
            at = found[1] + (found[2] or 0)
        if found is None:
            return [(0, size)]
        at = found[1]
        stop = size if found[2] is None else at + found[2]
        while at < min(stop, size):
            at = _top_element(file, at, size, tracks, broken)
        if stop > size and not (broken and broken[-1][1] == size):
            broken.append((at, size))
    return broken


def _top_element(file: BinaryIO, at: int, size: int, tracks: set[int], broken: list[tuple[int, int]]) -> int:
    """Look at the element there; returns where the next one begins."""
    found = _element(file, at)
    if found is None or found[0] not in _TOP:
        return _resume(file, at, at, size, broken)
    kind, start, length = found
    if kind != _CLUSTER:
        if length is None or start + length > size:
            return _resume(file, at, start, size, broken)
        if kind in _HEADERS and not _crc_holds(file, start, length):
            broken.append((0, size))
        if kind == _TRACKS:
            tracks.update(_track_numbers(file, start, start + length))
        return start + length
    stop = size if length is None else min(start + length, size)
    last = at
    first = _element(file, start)
    if length is not None and start + length <= size and first is not None and first[0] == _CRC:
        if not _crc_holds(file, start, length):
            broken.append((at, stop))
        return stop
    while start < stop:
        child = _element(file, start)
        if length is None and child is not None and child[0] in _TOP and child[0] not in _IN_CLUSTER:
            return start
        if (
            child is None
            or child[0] not in _IN_CLUSTER
            or child[2] is None
            or child[1] + child[2] > stop
            or (child[0] == _BLOCK and _number(file, child[1]) not in tracks)
        ):
            return _resume(file, last, start, size, broken)
        last, start = start, child[1] + child[2]
    return _resume(file, last, stop, size, broken) if length is not None and at + length > size else stop


def _resume(file: BinaryIO, last: int, at: int, size: int, broken: list[tuple[int, int]]) -> int:
    """Note the break and find the next cluster after it."""
    needle = _CLUSTER.to_bytes(4, "big")
    at += 1
    while at < size:
        file.seek(at)
        piece = file.read(_CHUNK + 3)
        hit = piece.find(needle)
        if hit >= 0:
            broken.append((last, at + hit))
            return at + hit
        at += _CHUNK
    broken.append((last, size))
    return size


def _crc_holds(file: BinaryIO, start: int, length: int) -> bool:
    """Whether the content agrees with its checksum; True where it has none."""
    file.seek(start)
    head = file.read(6)
    if len(head) < 6 or head[:2] != b"\xbf\x84":
        return True
    crc, left = 0, length - 6
    while left > 0 and (piece := file.read(min(left, _CHUNK))):
        crc, left = zlib.crc32(piece, crc), left - len(piece)
    return crc == int.from_bytes(head[2:], "little")


def _track_numbers(file: BinaryIO, at: int, stop: int) -> Iterator[int]:
    """The numbers of all tracks, from the content of Tracks."""
    while at < stop and (found := _element(file, at)) is not None:
        kind, start, length = found
        if length is None:
            return
        if kind == _TRACK:
            yield from _track_numbers(file, start, start + length)
        elif kind == _TRACK_NUMBER:
            file.seek(start)
            yield int.from_bytes(file.read(length), "big")
        at = start + length


def _number(file: BinaryIO, at: int) -> int:
    """The number that a block begins with: that of its track (one or two bytes)."""
    file.seek(at)
    head = file.read(2)
    return head[0] & 0x7F if head and head[0] & 0x80 else int.from_bytes(head, "big") & 0x3FFF


def _element(file: BinaryIO, at: int) -> tuple[int, int, int | None] | None:
    """Number of the element, first byte and length of its content (None = not stated); None where there is no element."""
    file.seek(at)
    head = file.read(12)
    if not head or not head[0]:
        return None
    width = 9 - head[0].bit_length()
    if width > 4 or len(head) <= width or not head[width]:
        return None
    kind = int.from_bytes(head[:width], "big")
    more = 9 - head[width].bit_length()
    digits = head[width : width + more]
    if len(digits) < more:
        return None
    length = int.from_bytes(digits, "big") - (1 << 7 * more)
    return kind, at + width + more, None if length == (1 << 7 * more) - 1 else length
