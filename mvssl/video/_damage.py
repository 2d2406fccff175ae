"""Which packets are in doubt: those that the container lost or tore, those that fail their checksum, and what follows."""

from __future__ import annotations

import numpy as np

from . import _matroska, _mp4, _ogg, _transport


class Damage:
    """Packets in doubt: from a damaged one to the next key frame, and what follows that key but is shown before it.

    FFmpeg flags only some of the pictures that a damaged one spoils.

    Args:
        key: (P,) bool, over packets in decoding order.
        shown: (N,) packets in the order in which they are shown.
        doubt: (P,) bool, what is known to be in doubt from the start.
    """

    def __init__(self, key: np.ndarray, shown: np.ndarray, doubt: np.ndarray | None = None):
        self._key, self._shown = key, shown
        self._bad = None if doubt is None or not doubt.any() else doubt.copy()

    def begins_at(self, position: int) -> None:
        key = self._key
        bad = self.packets()
        keys = position + 1 + np.flatnonzero(key[position + 1 :])
        stop, after = (int(at) for at in (*keys[:2], len(key), len(key))[:2])
        bad[position:stop] = True
        if stop < after:
            order = np.full(len(key), len(key))
            order[self._shown] = np.arange(len(self._shown))
            bad[stop:after] |= order[stop:after] < order[stop]

    def packets(self) -> np.ndarray:
        """(P,) bool."""
        if self._bad is None:
            self._bad = np.zeros(len(self._key), dtype=bool)
        return self._bad

    def covers(self, position: int) -> bool:
        return self._bad is not None and bool(self._bad[position])


def of_container(path: str, container, stream, place, torn, key, shown, shown_pts) -> np.ndarray:
    """(P,) bool: packets in doubt because of what the file's structure says, before anything is decoded.

    Args:
        path: of the file.
        container: of FFmpeg, open.
        stream: of FFmpeg.
        place: (P,) first byte of each packet in the file, -1 where the container does not tell; empty where the packets
            were not read.
        torn: packets that FFmpeg marks.
        key: (P,) bool.
        shown: (N,) packets in the order in which they are shown.
        shown_pts: (N,) their times.
    """
    damage = Damage(key, shown)
    if not len(place):
        return np.zeros(len(key), dtype=bool)
    place = np.maximum.accumulate(place)
    times = np.full(len(place), np.iinfo(np.int64).min)
    times[shown] = shown_pts
    for start, stop in _broken_ranges(path, container.format.name, stream.id):
        low, high = np.searchsorted(place, [start, stop])
        damage.packets()[low:high] = True
        if high:
            damage.begins_at(int(high) - 1)
            stay = np.argsort(times[:high])[-1 - _reordered(times) :]  # on screen where pictures are missing
            damage.packets()[stay] = True
    for position in torn.tolist():
        damage.begins_at(position)
    return damage.packets()


def _reordered(times: np.ndarray) -> int:
    """How many pictures at most are decoded before one that is shown before them (no codec allows more than 16)."""
    later = np.zeros(len(times), dtype=np.int64)
    for distance in range(1, min(33, len(times))):
        later[distance:] += times[:-distance] > times[distance:]
    return int(later.max(initial=0))


def _broken_ranges(path: str, container_name: str, stream_id: int) -> list[tuple[int, int]]:
    if "matroska" in container_name:
        return _matroska.broken_ranges(path)
    if container_name == "ogg":
        return _ogg.broken_ranges(path)
    if container_name == "mpegts":
        return _transport.broken_ranges(path, stream_id)
    return _mp4.broken_ranges(path) if "mp4" in container_name else []
