"""Where the pages of an Ogg file do not follow each other: failed checksums, missing, repeated or misplaced pages.

FFmpeg looks at neither. RFC 3533, section 6: each page carries the number of its stream, its own number within that stream,
and a CRC-32 (polynomial 0x04C11DB7, not reflected) of itself with the checksum set to zero.
"""

from __future__ import annotations

import mmap
import struct
import zlib

_HEAD = 27


def broken_ranges(path: str) -> list[tuple[int, int]]:
    """Byte ranges, each from the start of the page before a break to the end of the page after it."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _breaks(data)


def _breaks(data: mmap.mmap) -> list[tuple[int, int]]:
    broken: list[tuple[int, int]] = []
    number: dict[int, int] = {}  # of the last page of each stream
    at = before = 0
    while at < len(data):
        length = _page_length(data, at)
        if length == 0:
            at = _next_page(data, at + 1)
            broken.append((before, at))
            continue
        serial, sequence = struct.unpack_from("<II", data, at + 14)
        expected = number.get(serial, -1) + 1
        if sequence != expected and not (data[at + 5] & 2 and serial not in number):
            broken.append((before, at + length))
        number[serial] = sequence
        before, at = at, at + length
    return broken


def _page_length(data: mmap.mmap, at: int) -> int:
    """Bytes of the whole page that begins there; 0 where none does, or its checksum fails."""
    if data[at : at + 4] != b"OggS" or at + _HEAD > len(data):
        return 0
    table = data[at + _HEAD : at + _HEAD + data[at + 26]]
    length = _HEAD + len(table) + sum(table)
    page = data[at : at + length]
    if len(page) < length or len(table) < data[at + 26]:
        return 0
    return length if crc(page[:22] + bytes(4) + page[26:]) == struct.unpack_from("<I", page, 22)[0] else 0


def _next_page(data: mmap.mmap, at: int) -> int:
    found = data.find(b"OggS", at)
    return len(data) if found < 0 else found


def crc(page: bytes) -> int:
    """The checksum of a page: that of zlib with bits of bytes and of the result reversed, and without its inversions."""
    flipped = page.translate(_REVERSED)
    start = 0xFFFFFFFF  # zlib inverts the start; begin with its inverse so that the register starts at zero
    value = zlib.crc32(flipped, start) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
