"""Frames by PyAV (FFmpeg): the default backend. Seeks by the frame index, decodes what is needed, checks what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av
import numpy as np

from mvssl.errors import VideoError

from ._errors import open_container
from .frame_index import FrameIndex

_SKIP_IS_EXACT = {"h264", "hevc", "mpeg4"}  # others lose frames (AV1) or ignore it (VP9)


class PyAVReader:
    """Decodes wanted frames of one file, each once, in order of presentation."""

    def __init__(self, index: FrameIndex):
        self.index = index
        self._container = open_container(index.path)
        self._stream = self._container.streams.video[0]
        self._context = self._stream.codec_context
        self._context.thread_count = 1
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = av.stream.Discard.all
        self._skip = self._context.name in _SKIP_IS_EXACT
        self._keys = np.flatnonzero(index.key)

    def decode(self, wanted: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame, bool]]:
        """Yields (index, frame, damaged) for ``wanted``: ascending, distinct indices of shown frames."""
        index = self.index
        packets = index.shown[np.asarray(wanted)]
        starts = self._start_of(packets)
        groups = np.split(np.arange(len(wanted)), np.flatnonzero(np.diff(starts)) + 1)
        for group in groups:
            yield from self._decode_group(
                {int(index.pts[packets[i]]): int(wanted[i]) for i in group},
                int(packets[group].max()),
                int(starts[group[0]]),
            )

    def _start_of(self, packets: np.ndarray) -> np.ndarray:
        """Rank of the key frame to start from: the last with presentation time <= the wanted one, and not after it."""
        keys = self._keys
        by_time = (
            np.searchsorted(np.maximum.accumulate(self.index.pts[keys]), self.index.pts[packets], side="right") - 1
        )
        by_order = np.searchsorted(keys, packets, side="right") - 1
        return np.maximum(np.minimum(by_time, by_order), 0)

    def _decode_group(
        self, wanted: dict[int, int], last_packet: int, start: int
    ) -> Iterator[tuple[int, av.VideoFrame, bool]]:
        left = dict(wanted)
        stop_pts = int(self.index.pts[last_packet])
        for packet in self._packets_from(start):
            if self._skip:
                self._context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            done = packet.pts == stop_pts
            for frame in self._frames(packet, done):
                number = left.pop(frame.pts, None)
                if number is not None:
                    yield number, frame, frame.is_corrupt
            if done or not left:
                break
        if left:
            time_s = min(left) * self.index.tick_s
            raise VideoError(
                f"{self.index.path}: the frame at {time_s:.6f} s was not decoded",
                path=self.index.path,
                kind="corrupt",
                time_s=time_s,
            )

    def _frames(self, packet, drain: bool):
        try:
            frames = self._context.decode(packet)
            return frames + self._context.decode(None) if drain else frames
        except av.FFmpegError as error:
            time_s = packet.pts * self.index.tick_s
            raise VideoError(
                f"{self.index.path}: {self.index.codec} packet at {time_s:.6f} s cannot be decoded ({error})",
                path=self.index.path, kind="corrupt", time_s=time_s,
            ) from error  # fmt: skip

    def _packets_from(self, start: int):
        """Packets of the stream from key frame ``start`` on; seeks by presentation time, then by decoding time."""
        position = int(self._keys[start])
        pts, dts = int(self.index.pts[position]), int(self.index.dts[position])
        for target in (pts, dts):
            self._container.seek(target, stream=self._stream)
            packets = self._container.demux(self._stream)
            first = next(packets)
            if first.pts is not None and first.is_keyframe and first.pts <= pts:
                yield first
                yield from packets
                return
        raise VideoError(
            f"{self.index.path}: cannot seek to {pts * self.index.tick_s:.6f} s", path=self.index.path, kind="corrupt"
        )

    def close(self) -> None:
        self._container.close()
