"""The decoder's own word on a stream: which packets show a picture, in which order, and where decoding may start.

Many files say otherwise. A stream copied from AVI or from a bare H.264 file has presentation times equal to its decoding
times, though its B-frames are shown in another order; fields of interlaced H.264 are packets of their own, two a picture; an
MP4 without a table of key frames calls every packet one. Such files are decoded once, when their index is made.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from av.video.frame import PictureType

from ._container import STRICT, opened, other_streams_off, packets_of, video_stream
from ._open_start import excused


class Learned(NamedTuple):
    shown: np.ndarray  # packets in the order in which their pictures come out
    safe: np.ndarray  # (P,) bool: the picture needs no other
    failed: np.ndarray  # packets that could not be decoded
    error: str  # of the first of them


def starts_anew(frame: av.VideoFrame) -> bool:
    """Whether a picture needs no earlier one. A pair of fields has the type of the second, which may need the first; some
    decoders tell no type."""
    if frame.interlaced_frame or frame.pict_type == PictureType.NONE:
        return bool(frame.key_frame)
    return bool(frame.pict_type == PictureType.I)


def is_doubtful(
    container, stream, first: av.VideoFrame, pts: np.ndarray, dts: np.ndarray, timeless: np.ndarray, has_b: bool
) -> bool:
    """Whether the order of the presentation times may not be that in which the pictures are shown.

    Args:
        container: of FFmpeg, open.
        stream: of FFmpeg, after its first picture has been decoded.
        first: that picture.
        pts: (P,) presentation times in decoding order.
        dts: (P,) decoding times.
        timeless: (P,) bool, packets that have none.
        has_b: what the stream was said to have before it was decoded.
    """
    context = stream.codec_context
    is_avi = "avi" in container.format.name.split(",")  # has no presentation times; FFmpeg guesses them
    if not context.codec.reorder:
        return is_avi and bool(timeless.any())
    in_order = bool((np.diff(pts) > 0).all())
    paired = context.name == "h264" and first.interlaced_frame
    reorders = bool(has_b or context.has_b_frames)
    odd = (is_avi and not in_order) or in_order == reorders or _is_mended(dts)
    return bool(timeless.any()) or paired or (odd and len(pts) > 1)


def _is_mended(dts: np.ndarray) -> bool:
    """Whether some decoding time is the one before and a tick: what FFmpeg writes where the times that it was given go back,
    and then so do the presentation times."""
    steps = np.diff(dts)
    return bool((steps == 1).any()) and np.median(steps) > 3


def learn(path: str, first_key: int, pts: np.ndarray, *, timeout_s: float | None = None) -> Learned:
    """Decode the file once, from its first key frame on."""
    order: list[int] = []
    count, leads = len(pts), (pts < pts[first_key]) & (np.arange(len(pts)) > first_key)
    safe, failed, error = np.zeros(count, dtype=bool), [], ""
    with opened(path, timeout_s=timeout_s) as container:
        stream = video_stream(container)
        other_streams_off(container, stream)
        context = stream.codec_context
        context.copy_opaque, context.options = True, STRICT
        position = -1
        for packet in packets_of(path, container, stream):
            position += packet.size > 0
            if packet.size and position < first_key:
                continue
            packet.opaque = (position,)
            try:
                frames: list = context.decode(packet if packet.size else None)
            except av.FFmpegError as problem:
                position = min(position, count - 1)
                if not excused(path, leads, first_key, position):
                    failed.append(position)
                    error = error or str(problem)
                continue
            for frame in frames:
                order.append(frame.opaque[0])
                safe[order[-1]] = starts_anew(frame) and not frame.is_corrupt
    return Learned(np.array(order, dtype=np.int64), safe, np.array(failed, dtype=np.int64), error)
