"""The frame index of a file: every frame's time, and where decoding must start to get it. Scanned once, by demuxing."""

from __future__ import annotations

import os
from typing import NamedTuple

import av
import numpy as np

from mvssl.errors import VideoError

from ._errors import opened


class FrameIndex(NamedTuple):
    """What a decoder must know of a file before it decodes. Arrays over packets are in decoding (file) order."""

    path: str
    container: str  # FFmpeg's name of the format
    codec: str
    time_base: tuple[int, int]  # seconds of a tick as a fraction
    pts: np.ndarray  # (P,) int64 presentation time of each packet, ticks
    dts: np.ndarray  # (P,) int64 decoding time, ticks
    key: np.ndarray  # (P,) bool: decoding may start here
    shown: np.ndarray  # (N,) int64: packet of the n-th frame shown
    end_pts: int  # end of the last frame, ticks
    width: int  # as coded, before rotation
    height: int
    quarter_turns: int  # counter-clockwise, to make the picture upright
    has_audio: bool

    @property
    def tick_s(self) -> float:
        return self.time_base[0] / self.time_base[1]

    @property
    def shown_pts(self) -> np.ndarray:
        return self.pts[self.shown]


def build_index(path: str | os.PathLike) -> FrameIndex:
    """Scan a file by demuxing it once (no decoding but the first frame).

    Raises:
        VideoError: missing, empty, not_video, no_video_stream, corrupt, duplicate_times.
    """
    path = os.fspath(path)
    with opened(path) as container:
        stream = container.streams.video[0]
        for other in container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        packets = [
            (p.pts, p.dts if p.dts is not None else p.pts, p.is_keyframe, p.is_discard, p.duration or 0)
            for p in container.demux(stream)
            if p.pts is not None and p.size
        ]
        if not packets:
            raise VideoError(f"{path}: the video stream holds no packet with a time", path=path, kind="corrupt")
        columns = np.array(packets, dtype=np.int64)
        pts, dts, key, discard, duration = columns.T
        key = key.astype(bool)
        keep = ~discard.astype(bool)
        if not key.any():
            raise VideoError(f"{path}: no key frame: nothing can be decoded", path=path, kind="corrupt")
        first_key = int(np.argmax(key))
        keep[:first_key] = False
        keep &= pts >= pts[first_key]
        shown = np.flatnonzero(keep)
        shown = shown[np.argsort(pts[shown], kind="stable")]
        times = pts[shown]
        if len(times) > 1 and (np.diff(times) <= 0).any():
            at = int(np.argmax(np.diff(times) <= 0))
            tick_s = float(stream.time_base)
            raise VideoError(
                f"{path}: two frames share the time {times[at] * tick_s:.6f} s, so a time does not name one frame. "
                "Re-encode the file (ffmpeg -i IN -fps_mode cfr OUT.mp4).",
                path=path,
                kind="duplicate_times",
                time_s=float(times[at] * tick_s),
            )
        last = int(duration[shown[-1]])
        if last <= 0:
            last = int(np.median(np.diff(times))) if len(times) > 1 else _nominal(stream)
        rotation = _quarter_turns(container, stream, int(dts[first_key]))
        return FrameIndex(
            path, container.format.name, stream.codec_context.name, (stream.time_base.numerator, stream.time_base.denominator),
            pts, dts, key, shown, int(times[-1]) + last, stream.codec_context.width, stream.codec_context.height,
            rotation, bool(container.streams.audio),
        )  # fmt: skip


def _nominal(stream) -> int:
    rate = stream.average_rate or stream.guessed_rate or 25
    return max(round(1 / (rate * stream.time_base)), 1)


def _quarter_turns(container, stream, first: int) -> int:
    container.seek(first, stream=stream)
    for frame in container.decode(stream):
        return round(frame.rotation / 90) % 4
    return 0
