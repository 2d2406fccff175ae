"""The frame index of a file: every frame's time, and where decoding must start to get it. Scanned once per file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import av
import numpy as np

from mvssl.errors import VideoError

from . import _mp4, _mp4_check
from ._container import first_picture, opened, other_streams_off, packets_of, turn_of, video_stream
from ._damage import of_container
from ._order import Learned, is_doubtful, learn, starts_anew

VERSION = 4  # of the meaning of the fields; part of the cache key
_MISSING = np.iinfo(np.int64).min


class FrameIndex(NamedTuple):
    """What a decoder must know of a file before it decodes. Arrays over packets are in decoding (file) order."""

    path: str
    container: str  # FFmpeg's name of the format
    codec: str
    time_base: tuple[int, int]  # seconds of a tick, as a fraction
    pts: np.ndarray  # (P,) int64 presentation time that the container gives each packet, ticks
    dts: np.ndarray  # (P,) int64 decoding time, ticks
    key: np.ndarray  # (P,) bool: decoding may start here
    shown: np.ndarray  # (N,) int64: packet of the n-th frame shown
    shown_pts: np.ndarray  # (N,) int64: its time, ascending
    end_pts: int  # end of the last frame, ticks
    width: int  # as coded, before rotation
    height: int
    quarter_turns: int  # counter-clockwise turns that make the picture upright
    mirrored: bool  # left and right are swapped before turning
    skew_degrees: float  # what the file asks beyond quarter turns, counter-clockwise; not applied
    has_audio: bool
    has_edit_list: bool  # some packets are decoded but never shown
    learned_order: bool  # the container does not tell the order of the pictures: it was learned by decoding
    stream: int  # of the file: its first video stream
    num_video_streams: int
    crc: np.ndarray  # (P,) uint32 CRC-32 of each packet as scanned, or (0,) where the packets were not read
    doubt: np.ndarray  # (P,) bool: the container has lost or torn this packet, or one that it depends on
    remarks: tuple[
        tuple[str, str], ...
    ] = ()  # (kind, message): what is odd, though nothing says that a picture is wrong

    @property
    def tick_s(self) -> float:
        return self.time_base[0] / self.time_base[1]

    def time_s(self, pts: int | np.ndarray) -> Any:
        """Ticks -> seconds, rounded once (as FFmpeg's own ``time`` is)."""
        return pts * self.time_base[0] / self.time_base[1]

    @property
    def known_by_dts(self) -> bool:
        """Packets are known by their decoding times: an AVI has no others."""
        return self.learned_order and "avi" in self.container.split(",")

    @property
    def has_open_gop(self) -> bool:
        """Some frame is decoded after a key frame but shown before it: seeking to that key would lose it."""
        key_pts = np.maximum.accumulate(np.where(self.key, self.pts, np.iinfo(np.int64).min))
        return bool((self.pts[self.shown] < key_pts[self.shown]).any())

    @property
    def reorders(self) -> bool:
        """Frames are shown in another order than they are decoded (B-frames)."""
        return bool((np.diff(self.shown) < 0).any())


def build_index(path: str | os.PathLike, *, timeout_s: float | None = None, checksums: bool = False) -> FrameIndex:
    """Scan a file: from the tables of an MP4 where they suffice, else by demuxing it once (one frame is decoded).

    Args:
        path: of the file.
        timeout_s: longest time that opening, and each access to the file, may take.
        checksums: read all packets in any case, so that ``crc`` is there and later damage is found by it.

    Raises:
        VideoError: missing, empty, not_video, no_video_stream, corrupt, duplicate_times, size_change, timeout.
    """
    path = os.fspath(path)
    with opened(path, timeout_s=timeout_s) as container:
        stream = video_stream(container)
        other_streams_off(container, stream)
        try:
            table: Any = None if checksums else _mp4.packet_table(path, container, stream)
            if table is None:
                *table, place, torn, crc = _demuxed(path, container, stream)
            else:
                place, torn, crc = np.zeros((3, 0), dtype=np.int64)
            index, failed = _index(path, container, stream, *table, timeout_s=timeout_s)
            torn = np.union1d(torn, failed)
            tables = _mp4_check.judge(path, stream.id) if "mp4" in container.format.name else None
            headless = container.format.name == "avi" and not index.key[0]  # an AVI counts its frames: all are late
            if headless or (tables and tables.contradicts):
                doubt = np.ones(len(index.pts), dtype=bool)
            else:
                doubt = of_container(path, container, stream, place, torn, index.key, index.shown, index.shown_pts)
            remarks = tuple(_remarks(index, tables.remark if tables else ""))
            return index._replace(crc=crc.astype(np.uint32), doubt=doubt, remarks=remarks)
        except av.FFmpegError as error:
            kind = "timeout" if isinstance(error, av.ExitError) else "corrupt"
            raise VideoError(f"{path}: cannot be scanned ({error})", path=path, kind=kind) from error


def _demuxed(path: str, container, stream) -> tuple[np.ndarray, ...]:
    """pts, dts, key, discard, duration, place in the file, torn, CRC-32 of every packet, by reading the file once."""
    hidden_bit = 0x10 if stream.codec_context.name == "vp8" else 0  # VP8 marks packets that show nothing
    rows = []
    for p in packets_of(path, container, stream):
        if p.size:
            hidden = hidden_bit and not bytes(p)[0] & hidden_bit
            pts, dts = (_MISSING if p.pts is None else p.pts), (_MISSING if p.dts is None else p.dts)
            place = -1 if p.pos is None else p.pos
            skip = p.is_discard or hidden
            rows.append((pts, dts, p.is_keyframe, skip, p.duration or 0, place, p.is_corrupt, zlib.crc32(p)))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 8).T
    torn = np.flatnonzero(columns[6])
    return *columns[:2], columns[2].astype(bool), columns[3].astype(bool), *columns[4:6], torn, columns[7]


def _index(path: str, container, stream, pts, dts, key, discard, duration, *, timeout_s: float | None) -> tuple:
    """The index, and the packets that could not be decoded while the order was learned."""
    tick_s = float(stream.time_base)
    if not len(pts) or not key.any():
        raise VideoError(f"{path}: no key frame in the video stream: nothing can be decoded", path=path, kind="corrupt")
    timeless, has_b = pts == _MISSING, stream.codec_context.has_b_frames
    if timeless.any() or (np.diff(pts) <= 0).any():  # decoding times that FFmpeg makes up (Matroska has none) may jump
        _refuse_backward(path, dts[dts != _MISSING], tick_s)
    pts, dts = _filled(path, container, stream, pts, dts)
    pts = _before_zero(container, pts, timeless, int(np.argmax(key)))
    _refuse_cut_avi(path, container, stream, dts)
    is_avi = "avi" in container.format.name.split(",")
    frame = first_picture(path, container, stream, pts, dts, key)
    _refuse_new_size(path, container, stream, pts, dts, key, frame)
    shown, failed, learned = _by_time(pts, key, discard), np.zeros(0, dtype=np.int64), False
    key = key.copy()
    late = len(shown) > 0 and frame.pts not in (None, int(pts[shown[0]]))  # the first picture does not come out
    doubtful = late or is_doubtful(container, stream, frame, pts, dts, timeless, has_b)
    if doubtful or not _keys_hold(container, stream, pts, dts, key):
        found = learn(path, int(np.argmax(key)), pts, timeout_s=timeout_s)
        failed = found.failed
        differs = not np.array_equal(found.shown, shown) and not _is_part(found, pts)
        learned = differs or is_avi or bool(timeless.any())
        if learned:
            _refuse_unlearned(path, container, stream, found, dts, timeless)
            shown = found.shown
        if (found.safe & key).any():
            key &= found.safe | discard | (np.arange(len(key)) >= failed.min(initial=len(key)))
    if timeless.any() and not learned:
        raise _no_times(path, container, stream)
    if not len(shown):
        raise VideoError(f"{path}: no frame is to be shown", path=path, kind="corrupt")
    timed = not (is_avi or timeless.any() or (np.diff(pts) > 0).all())  # each picture states its own time
    times = _forward(pts[shown]) if timed else np.sort((dts if is_avi and learned else pts)[shown])
    _refuse_repeated(path, times, tick_s)
    last = int(duration[shown[-1]])
    if last <= 0 or (learned and len(shown) < len(pts)):
        last = int(np.median(np.diff(times))) if len(times) > 1 else _nominal_ticks(stream)
    turns, mirrored, skew = turn_of(frame)
    index = FrameIndex(
        path=path,
        container=container.format.name,
        codec=stream.codec_context.name,
        time_base=(stream.time_base.numerator, stream.time_base.denominator),
        pts=pts,
        dts=dts,
        key=key,
        shown=shown,
        shown_pts=times,
        end_pts=int(times[-1]) + last,
        width=frame.width,
        height=frame.height,
        quarter_turns=turns,
        mirrored=mirrored,
        skew_degrees=skew,
        has_audio=bool(container.streams.audio),
        has_edit_list=bool(discard.any()),
        learned_order=learned,
        stream=stream.index,
        num_video_streams=len(container.streams.video),
        crc=np.zeros(0, dtype=np.uint32),
        doubt=np.zeros(len(pts), dtype=bool),
    )
    return index, failed if learned else failed[:0]


def _remarks(index: FrameIndex, odd_tables: str) -> Iterator[tuple[str, str]]:
    if odd_tables:
        yield "odd_tables", f"{odd_tables}: written so, or damaged and then the times may be wrong"
    if abs(index.skew_degrees) > 1:
        yield (
            "odd_rotation",
            f"asks players to turn it by {index.skew_degrees % 90:g} degrees beyond quarter turns; that part is not applied",
        )


def _by_time(pts: np.ndarray, key: np.ndarray, discard: np.ndarray) -> np.ndarray:
    """Packets in the order of their presentation times, from the first key frame on."""
    first_key = int(np.argmax(key))
    shown = np.flatnonzero(~discard & (np.arange(len(pts)) >= first_key) & (pts >= pts[first_key]))
    return shown[np.argsort(pts[shown], kind="stable")]


def _before_zero(container, pts: np.ndarray, timeless: np.ndarray, first_key: int) -> np.ndarray:
    """Matroska has a time for every packet; FFmpeg gives none to those before 0: pictures that lead into the first key frame."""
    if "matroska" not in container.format.name:
        return pts
    stop = first_key + 1 + int(np.argmin(np.append(timeless[first_key + 1 :], False)))
    return np.concatenate([pts[: first_key + 1], np.full(stop - first_key - 1, pts[first_key] - 1), pts[stop:]])


def _forward(times: np.ndarray) -> np.ndarray:
    """Presentation times in the order of the pictures: where they go back, a tick after the picture before, as FFmpeg has it."""
    if len(np.unique(times)) < len(times):
        return np.sort(times)
    steps = np.arange(len(times))
    return np.maximum.accumulate(times - steps) + steps


def _filled(path: str, container, stream, pts: np.ndarray, dts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times for packets without one: of the other kind, or (the second field of a picture) those of the packet before."""
    dts = np.where(dts == _MISSING, pts, dts)
    if dts[0] == _MISSING or (dts == _MISSING).sum() > len(dts) // 2:
        raise _no_times(path, container, stream)
    dts = np.maximum.accumulate(dts)
    return np.where(pts == _MISSING, dts, pts), dts


def _is_part(found: Learned, pts: np.ndarray) -> bool:
    """Whether damage kept pictures back, and those that came out follow the presentation times one by one."""
    return len(found.failed) > 0 and bool((np.diff(pts[found.shown]) > 0).all()) and not _has_pairs(found)


def _has_pairs(found: Learned) -> bool:
    """Whether packets come in pairs of which the first alone shows a picture, before the first failure."""
    silent = np.setdiff1d(np.arange(found.failed.min()), found.shown)
    return bool(np.isin(silent[silent > 0] - 1, found.shown).sum() > len(silent) // 2)


def _refuse_unlearned(path: str, container, stream, found: Learned, dts: np.ndarray, timeless: np.ndarray) -> None:
    is_avi = "avi" in container.format.name.split(",")
    if timeless[found.shown].any() and not is_avi:
        raise _no_times(path, container, stream)
    if not len(found.failed) or (not is_avi and _has_pairs(found)):
        return
    time_s = float(dts[found.failed[0]] * stream.time_base)
    raise VideoError(
        f"{path}: {stream.codec_context.name} packet at {time_s:.6f} s cannot be decoded ({found.error}); "
        "the times in this file are not those of its pictures, so every packet is needed to tell the order of the frames",
        path=path,
        kind="corrupt",
        time_s=time_s,
    )


def _refuse_cut_avi(path: str, container, stream, dts: np.ndarray) -> None:
    step = int(np.median(np.diff(dts))) if len(dts) > 1 else 1  # a cut may leave the header a clock of twice the rate
    held = int(dts[-1]) + max(step, 1)
    if "avi" in container.format.name and stream.duration and held < stream.duration:
        raise VideoError(
            f"{path}: the header announces {stream.duration} frames, the file holds {held}: it is cut or "
            "damaged, and an AVI does not tell which frames are missing",
            path=path,
            kind="corrupt",
        )


def _no_times(path: str, container, stream) -> VideoError:
    return VideoError(
        f"{path}: {stream.codec_context.name} packets in {container.format.name!r} carry no presentation time. "
        "Put the stream into a container that has times (ffmpeg -i IN OUT.mp4).",
        path=path,
        kind="corrupt",
    )


def _refuse_repeated(path: str, times: np.ndarray, tick_s: float) -> None:
    repeated = np.flatnonzero(np.diff(times) <= 0)
    if len(repeated):
        raise _bad_clock(path, "two frames share", float(times[repeated[0]] * tick_s))


def _refuse_backward(path: str, dts: np.ndarray, tick_s: float) -> None:
    backward = np.flatnonzero(np.diff(dts) < 0)
    if len(backward):
        raise _bad_clock(path, "the file's clock jumps back to", float(dts[backward[0] + 1] * tick_s))


def _bad_clock(path: str, what: str, time_s: float) -> VideoError:
    return VideoError(
        f"{path}: {what} the time {time_s:.6f} s, so a time does not name one frame. "
        "Re-encode the file (ffmpeg -i IN -fps_mode cfr OUT.mp4), or cut it where the clock starts again.",
        path=path,
        kind="duplicate_times",
        time_s=time_s,
    )


def _refuse_new_size(path: str, container, stream, pts, dts, key, first) -> None:
    """Joined transport streams may change size; the last key frame tells (and every decoded frame is checked later)."""
    keys = np.flatnonzero(key)
    if "mpeg" not in container.format.name or len(keys) < 2:
        return
    last = first_picture(path, container, stream, pts, dts, np.arange(len(key)) == keys[-1])
    if (last.width, last.height) != (first.width, first.height):
        time_s = float(pts[keys[-1]] * stream.time_base)
        raise VideoError(
            f"{path}: the picture is {first.width} x {first.height} at first and {last.width} x {last.height} at "
            f"{time_s:.3f} s. Cut the file where the size changes, or re-encode it to one size.",
            path=path,
            kind="size_change",
            time_s=time_s,
        )


def _keys_hold(container, stream, pts, dts, key) -> bool:
    """Whether the second key frame is one; looked at where flags are known to lie. With gradual refresh (x264's
    intra-refresh) recovery points are called key frames, an MP4 without ``stss`` calls everything one.

    A flag that is not looked at here is checked when decoding starts there.
    """
    keys = np.flatnonzero(key)
    context = stream.codec_context
    if len(keys) < 2 or context.codec.intra_only:
        return True
    if not key.all() and (context.name not in ("h264", "hevc") or "mp4" in container.format.name):
        return True
    try:
        frame = first_picture("", container, stream, pts, dts, np.arange(len(key)) == keys[1])
        return starts_anew(frame) and frame.pts in (None, int(pts[keys[1]]))
    except VideoError:
        return False


def _nominal_ticks(stream) -> int:
    rate = stream.average_rate or stream.guessed_rate or 25
    return max(round(1 / (rate * stream.time_base)), 1)
