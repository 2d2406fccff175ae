"""Where an MPEG transport stream has lost or torn packets: continuity counters, sync bytes and the filling of headers tell.

FFmpeg sees this too, but its mark does not always reach the picture that lost its end. ISO/IEC 13818-1, section 2.4.3.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

_SYNC = 0x47
_BLOCK = 1 << 22  # bytes looked at together
_LEAD = {188: 0, 192: 4, 204: 0}  # packet size -> bytes before the sync byte


def broken_ranges(path: str, pid: int) -> list[tuple[int, int]]:
    """Byte ranges, each from the start of a picture that lost something to where the stream goes on."""
    broken: list[tuple[int, int]] = []
    picture, counter, torn = 0, -1, False
    for position, rows in _joined_packets(path):
        if not len(rows):
            torn = True
            continue
        at = position[0] + position[1] * np.arange(len(rows))
        ours = (((rows[:, 1] & 0x1F).astype(np.int64) << 8 | rows[:, 2]) == pid) & (rows[:, 3] & 0x10 > 0)
        at, rows = at[ours], rows[ours]
        if not len(rows):
            continue
        now = rows[:, 3].astype(np.int64) & 15
        before = np.append(counter, now[:-1])
        restarts = (rows[:, 3] & 0x20 > 0) & (rows[:, 4] > 0) & (rows[:, 5] & 0x80 > 0)
        bad = (now != (before + 1) & 15) & (now != before) & (before >= 0) & ~restarts | (rows[:, 1] & 0x80 > 0)
        bad[0] |= torn
        starts = np.append(picture, at[rows[:, 1] & 0x40 > 0])
        for place in at[bad].tolist():
            earlier = starts[starts < place]
            broken.append((int(earlier[-1]) if len(earlier) else picture, place))
        begins = np.flatnonzero((rows[:, 1] & 0x40 > 0) & (rows[:, 3] & 0xC0 == 0))  # not scrambled
        broken += [(int(at[i]), int(at[i]) + 1) for i in begins if _swallows(rows[i].tobytes())]
        picture, counter, torn = int(starts[-1]), int(now[-1]), False
    if torn:
        broken.append((picture, os.path.getsize(path)))
    return broken


def _swallows(packet: bytes) -> bool:
    """Whether the header of a picture (PES) states a length that reaches into the picture: what fills it up is no 0xFF."""
    begin = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    header = packet[begin:]
    if len(header) < 9 or header[:3] != b"\0\0\1" or header[7] & 0x3F:  # no picture begins here, or rarer fields follow
        return False
    used = 9 + {0: 0, 2: 5, 3: 10}.get(header[7] >> 6, 0)
    return any(byte != 0xFF for byte in header[used : 9 + header[8]])


def _joined_packets(path: str) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """((position of the first, bytes of each), bytes of each) of packets in a row; no rows where they break off."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        step = _packet_size(file)
        at = _next_sync(file, 0, size, step)
        while at < size:
            file.seek(at)
            data = np.frombuffer(file.read(_BLOCK // step * step), np.uint8)
            lead = _LEAD[step]
            rows = data[: len(data) // step * step].reshape(-1, step)[:, lead : lead + 188]
            wrong = np.flatnonzero(rows[:, 0] != _SYNC)
            count = int(wrong[0]) if len(wrong) else len(rows)
            yield (at, step), rows[:count]
            at += count * step
            if len(wrong) or (size - at < step and at < size):
                yield (at, step), rows[:0]
                at = _next_sync(file, at + 1, size, step) if len(wrong) else size


def _packet_size(file: BinaryIO) -> int:
    """188, with arrival times 192, with parity bytes 204: the distance at which most sync bytes repeat."""
    data = np.frombuffer(file.read(1 << 18), np.uint8) == _SYNC
    return max(_LEAD, key=lambda step: (data[step:] & data[:-step]).sum() if len(data) > step else 0)


def _next_sync(file: BinaryIO, at: int, size: int, step: int) -> int:
    """Start of the next packet that is followed by two more; the end of the file if there is none."""
    while at < size:
        file.seek(at)
        data = np.frombuffer(file.read(1 << 16), np.uint8)[_LEAD[step] :] == _SYNC
        if len(data) <= 2 * step:
            return size
        found = np.flatnonzero(data[: -2 * step] & data[step:-step] & data[2 * step :])
        if len(found):
            return at + int(found[0])
        at += len(data) - 2 * step
    return size
