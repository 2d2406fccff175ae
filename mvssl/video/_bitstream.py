"""Bytes that no coded picture may hold: what damage leaves behind that a decoder passes over.

H.264 and HEVC write 00 00 03 where a picture would hold 00 00 and a byte up to 02 (ITU-T H.264 and H.265, section 7.4);
zeros may only come before a start code and at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NEVER = re.compile(rb"\x00\x00[\x00-\x02]")  # inside a NAL unit
_NEVER_ANNEX_B = re.compile(rb"\x00\x00(?:\x02|\x00+[^\x00\x01])")  # with start codes


def checker(codec: str, extradata: bytes | None) -> Callable[[bytes], bool] | None:
    """A test of packets, True where one holds what it must not; None for codecs without such a rule."""
    if codec not in ("h264", "hevc"):
        return None
    if not extradata or extradata[0] != 1:  # no configuration record: start codes
        return lambda packet: _NEVER_ANNEX_B.search(packet) is not None
    at = 4 if codec == "h264" else 21
    if len(extradata) <= at:
        return None
    width, hevc = (extradata[at] & 3) + 1, codec == "hevc"
    return lambda packet: _holds_forbidden(packet, width, hevc)


def holds_idr(packet: bytes, extradata: bytes | None) -> bool:
    """Whether an H.264 packet holds a slice of an IDR picture, which no later picture looks behind."""
    if not extradata or extradata[0] != 1:
        return any(packet[start.end()] & 0x1F == 5 for start in re.finditer(rb"\x00\x00\x01(?=.)", packet, re.DOTALL))
    width, at = (extradata[4] & 3) + 1, 0
    while at + width < len(packet):
        if packet[at + width] & 0x1F == 5:
            return True
        at += width + int.from_bytes(packet[at : at + width], "big")
    return False


def _holds_forbidden(packet: bytes, width: int, hevc: bool) -> bool:
    if _NEVER.search(packet, width) is None:
        return False
    at = 0
    while at + width < len(packet):
        start = at + width
        at = start + int.from_bytes(packet[at:start], "big")
        kind = packet[start] >> 1 & 0x3F if hevc else packet[start] & 0x1F
        if kind < 32 if hevc else 1 <= kind <= 5:
            found = _NEVER.search(packet, start, min(at, len(packet)))
            if found is not None and packet[found.start() : at].strip(b"\0"):  # zeros may follow the unit
                return True
    return False
