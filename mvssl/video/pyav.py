"""Frames by PyAV (FFmpeg): the default backend. Seeks by the frame index, decodes what is needed, checks what comes out.

Every packet is numbered on its way in and every frame carries its packet's number out, so a frame is known by what it
is, not by a time that a damaged or odd file may repeat.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import av
import numpy as np

from mvssl.errors import VideoError

from ._bitstream import checker
from ._container import STRICT, open_container, other_streams_off, packets_of, seek_targets, video_stream
from ._damage import Damage
from ._open_start import excused
from ._order import starts_anew
from ._picture import Crop, FrameConverter, Size
from .frame_index import FrameIndex

REORDERED = 64  # frames; more than any codec shows out of the order of decoding


def skip_is_exact(index: FrameIndex) -> bool:
    """Whether frames that no other frame needs may be skipped with the pictures of all others unchanged.

    Shown bit for bit for H.264, HEVC, and MPEG-4 in MP4. AV1 loses frames, VP9 ignores the flag, and an AVI may pack two
    MPEG-4 pictures into one packet.
    """
    return index.codec in ("h264", "hevc") or (index.codec == "mpeg4" and "mp4" in index.container)


class Decoded(NamedTuple):
    """A wanted frame. ``picture`` is None where nothing could be decoded; ``damaged`` then, and wherever it may be wrong."""

    number: int  # of the shown frame
    picture: Any  # what the reader's own ``picture`` takes
    damaged: bool


class _Run(NamedTuple):
    """Packets to decode in one go, from a key frame to the last one needed."""

    start: int
    stop: int
    wanted: dict[int, int]  # packet -> number of the shown frame


class PyAVReader:
    """Decodes wanted frames of one file, each once, in the order in which they are shown."""

    def __init__(self, index: FrameIndex, *, timeout_s: float | None = None, motion: bool = False):
        self.index = index
        self._timeout_s = timeout_s
        self._motion = motion
        self._keys = np.flatnonzero(index.key)
        self._stamps = index.dts if index.known_by_dts else index.pts
        self._rank = np.full(len(index.pts), -1)  # of each packet's picture among those shown
        self._rank[index.shown] = np.arange(len(index.shown))
        # packets that lead into the first key frame: they need what came before a cut, are not shown, and no other needs them
        self._leads = (
            (self._rank < 0) & (np.arange(len(index.pts)) > self._keys[0]) & (index.pts < index.pts[self._keys[0]])
        )
        self._excused: dict[int, bool] = {}  # packets that the decoder calls an error
        self.doubted: set[int] = set()  # frames handed out as whole by the last ``decode``, then found to be in doubt
        self._convert = FrameConverter(index.quarter_turns, index.mirrored)
        self._paired = index.learned_order and len(index.shown) < len(index.pts)
        self._open()

    def picture(self, frame: av.VideoFrame, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright RGB (H, W, 3)."""
        return self._convert(frame, crop, size)

    def _open(self) -> None:
        self._container = open_container(self.index.path, timeout_s=self._timeout_s)
        self._stream = video_stream(self._container)
        self._context = self._stream.codec_context
        self._context.options = STRICT | ({"flags2": "+export_mvs"} if self._motion else {})
        other_streams_off(self._container, self._stream)
        self._context.copy_opaque = True
        self._skip = skip_is_exact(self.index) and not self._paired
        self._forbidden = checker(self.index.codec, self._context.extradata)

    def decode(self, wanted: Sequence[int] | np.ndarray) -> Iterator[Decoded]:
        """Frames with the given numbers (ascending, distinct)."""
        self.doubted.clear()
        deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        for run in self._runs(np.asarray(wanted, dtype=np.int64)):
            missing = yield from self._decode_run(run, deadline)
            if missing:
                yield from self._again(missing, run.start, deadline)

    def _runs(self, wanted: np.ndarray) -> list[_Run]:
        """One run for frames whose stretches of packets touch; the key is the last one shown at or before the frame."""
        index, keys = self.index, self._keys
        packets = index.shown[wanted]
        by_time = np.searchsorted(np.maximum.accumulate(index.pts[keys]), index.pts[packets], side="right")
        by_order = np.searchsorted(keys, packets, side="right")
        if index.learned_order:  # no times to go by: frames decoded after a key and shown before it need the key before
            leads = self._rank[packets] < self._rank[keys[by_order - 1]]
            by_time = by_order - leads
        starts = keys[np.maximum(np.minimum(by_time, by_order) - 1, 0)]
        runs: list[_Run] = []
        for start, packet, number in zip(starts.tolist(), packets.tolist(), wanted.tolist()):
            last = self._last_of(packet)
            if runs and start <= runs[-1].stop + 1:
                run = runs[-1]
                run.wanted[packet] = number
                runs[-1] = run._replace(stop=max(run.stop, last))
            else:
                runs.append(_Run(start, last, {packet: number}))
        return runs

    def _last_of(self, packet: int) -> int:
        """The last packet of the picture that begins with this one: its second field may be a packet of its own."""
        if self._paired and packet + 1 < len(self._rank) and self._rank[packet + 1] < 0:
            return packet + 1
        return packet

    def _decode_run(
        self, run: _Run, deadline: float | None, *, keep: bool = False
    ) -> Generator[Decoded, None, dict[int, int]]:
        """Yields what comes out; returns the wanted packets that did not, or (unless ``keep``) came with a doubt."""
        # what is still to come, {packet: number of the shown frame}, and what is known to be wrong by now
        left: dict[int, int] = dict(run.wanted)
        doubtful: dict[int, int] = {}
        given: deque[tuple[int, int]] = deque(maxlen=REORDERED)  # (packet, number) handed out as whole
        context, wanted, skip = self._context, run.wanted, self._skip
        known = Damage(self.index.key, self.index.shown, self.index.doubt)  # no other start helps
        damage = Damage(self.index.key, self.index.shown)
        whole = True
        sure = run.start == self._keys[0]  # that decoding may start here; a key flag may lie
        rank = -1
        loose = "mpeg" in self.index.container  # after a seek, a part of the packet before may cling to the first
        context.skip_frame = "DEFAULT"
        # one packet in, none or several frames out, in the order of show
        for position, packet in self._packets(run.start):
            if position > run.stop:
                break
            if deadline is not None and time.monotonic() > deadline:
                raise self._error(f"decoding took longer than {self._timeout_s} s", "timeout", position)
            # before decoding: damage that the packet itself shows
            if self._is_spoilt(packet, position):
                (damage if loose else known).begins_at(position)
            loose = False
            # pictures that no other needs are skipped, where nobody wants them
            if skip and (position in wanted) != whole:
                whole = not whole
                context.skip_frame = "DEFAULT" if whole else "NONREF"
            # decode; the mark tells which packet a frame came from. The last packet also empties the decoder
            packet.opaque = (position,)  # a new object each: PyAV keeps them by identity
            frames: list[Any] = []
            try:
                frames = context.decode(packet)
                if position == run.stop:
                    frames += context.decode(None)
            except av.FFmpegError:
                if not self._is_excused(position):
                    damage.begins_at(position)
                    if position - 1 in wanted:  # what spoils a packet often starts in the one before, which may decode
                        self.doubted.add(wanted[position - 1])
                frames = self._drained() if position == run.stop else []
            for frame in frames:
                # a run that begins in the midst: if its first picture refers to earlier ones, begin at the file's first key
                opaque: Any = frame.opaque
                source = opaque[0]
                sure = sure or (source == run.start and starts_anew(frame) and not frame.is_corrupt)
                if not sure and (source == run.start or source in wanted):
                    self._keys = self._keys[:1]
                    return dict(run.wanted)
                # after decoding: a frame that is corrupt, or out of the order that the index knows, spoils what follows, and
                # throws doubt on what was handed out shortly before
                disordered, rank = self._rank[source] < rank, int(self._rank[source])
                if (frame.is_corrupt or disordered) and not self._leads[source]:
                    damage.begins_at(source)
                    self.doubted |= {n for packet, n in given if damage.covers(packet)}
                # hand out: whole frames, and spoilt ones where no other start could help; the rest is tried again by the caller
                number = left.pop(source, None)
                if number is None:
                    continue
                bad = known.covers(source)
                if damage.covers(source) and not bad and not keep and run.start > 0:
                    doubtful[source] = number
                else:
                    bad |= damage.covers(source)
                    if not bad:
                        given.append((source, number))
                    yield Decoded(number, self._checked(frame, source), bad)
        return doubtful | left

    def _is_excused(self, position: int) -> bool:
        """Whether an error of the decoder says no more than that a file was cut in an open group of pictures."""
        if position not in self._excused:
            self._excused[position] = excused(self.index.path, self._leads, int(self._keys[0]), position)
        return self._excused[position]

    def _is_spoilt(self, packet: av.Packet, position: int) -> bool:
        """Whether the packet shows damage before it is decoded: against its checksum, else by what no packet may hold."""
        if len(self.index.crc):
            return zlib.crc32(packet) != self.index.crc[position]
        return packet.is_corrupt or (self._forbidden is not None and self._forbidden(bytes(packet)))

    def _drained(self) -> list[av.VideoFrame]:
        try:
            return self._context.decode(None)
        except av.FFmpegError:
            return []

    def _again(self, missing: dict[int, int], start: int, deadline: float | None) -> Iterator[Decoded]:
        """Frames that did not come out well: once more from earlier key frames, in case this one was no safe start."""
        rank = int(np.searchsorted(self._keys, start))
        poor: dict[int, Decoded] = {}
        for earlier in dict.fromkeys((max(rank - 1, 0), 0) if rank else ()):
            earlier = min(earlier, len(self._keys) - 1)
            run = _Run(int(self._keys[earlier]), max(map(self._last_of, missing)), missing)
            for found in self._decode_run(run, deadline, keep=True):
                if found.damaged:
                    poor[found.number] = found
                else:
                    missing = {packet: number for packet, number in missing.items() if number != found.number}
                    yield found
            if not missing:
                return
        for number in missing.values():
            yield poor.get(number, Decoded(number, None, True))

    def _packets(self, start: int) -> Iterator[tuple[int, av.Packet]]:
        """Numbered packets from a key frame on (or from an earlier packet, where the container cannot seek better)."""
        index = self.index
        rank = int(np.searchsorted(self._keys, start))
        for key in self._keys[np.unique([rank, max(rank - 1, 0), max(rank - 8, 0), 0])[::-1]].tolist():
            for target in seek_targets(index.container, int(index.pts[key]), int(index.dts[key])):
                numbered = self._land(target, start)
                if numbered is not None:
                    yield from numbered
                    return
        self._container.close()
        self._open()
        yield from self._numbered(packets_of(self.index.path, self._container, self._stream), 0, None)

    def _land(self, target: int, start: int) -> Iterator[tuple[int, av.Packet]] | None:
        try:
            self._container.seek(target, stream=self._stream)
            packets = packets_of(self.index.path, self._container, self._stream)
            first = next(packets)
        except (av.FFmpegError, StopIteration):
            return None
        if not first.is_keyframe or not first.size:
            return None
        stamp = self._stamp_of(first)
        same = self._stamps == stamp
        at = np.flatnonzero(same)
        if len(at) != 1 or at[0] > start:
            return None
        return self._numbered(packets, int(at[0]), first)

    def _numbered(self, packets, position: int, first: av.Packet | None) -> Iterator[tuple[int, av.Packet]]:
        if first is not None:
            yield position, first
            position += 1
        stamps = self._stamps
        try:
            for packet in packets:
                if not packet.size:
                    return
                stamp = self._stamp_of(packet)
                if position >= len(stamps) or (stamp is not None and stamp != stamps[position]):
                    raise self._error(
                        "the packets are not those of the frame index; was the file changed?", "corrupt", position
                    )
                yield position, packet
                position += 1
        except av.FFmpegError:  # damage in the container: what follows is missing, and is reported as such
            return

    def _stamp_of(self, packet: av.Packet) -> int | None:
        """What a packet is known by: its presentation time, in containers without one its decoding time."""
        return packet.dts if self.index.known_by_dts else packet.pts

    def _checked(self, frame: av.VideoFrame, position: int) -> av.VideoFrame:
        if (frame.width, frame.height) != (self.index.width, self.index.height):
            raise self._error(
                f"the picture changes from {self.index.width} x {self.index.height} to {frame.width} x {frame.height}; "
                "cut the file where the size changes, or re-encode it to one size",
                "size_change",
                position,
            )
        return frame

    def _error(self, what: str, kind: str, position: int) -> VideoError:
        index = self.index
        time_s = float(index.time_s(int(index.pts[min(position, len(index.pts) - 1)])))
        message = f"{index.path}: video stream ({index.codec}) at {time_s:.6f} s: {what}"
        return VideoError(message, path=index.path, kind=kind, time_s=time_s)

    def close(self) -> None:
        self._container.close()
