"""The decoder: an open video that hands out the frames on screen at given times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mvssl.errors import InputError, VideoError
from mvssl.types import Clip, ClipRequest, Video

from . import _plan
from ._picture import Crop, Size, pixel_box
from .frame_index import FrameIndex
from .motion import MotionReader
from .pyav import PyAVReader

PLANES = ("rgb", "motion")


class Decoder:
    """An open video. Made by ``open_video``; used in the process that opened it, never pickled, always closed.

    Attributes:
        video: its row (times, size of the upright picture, rotation, ...).
        times_s: (N,) float64 presentation time of every frame that belongs to the video.
        index: the frame index of the whole file.
    """

    def __init__(
        self, video: Video, index: FrameIndex, open_reader: Callable[[], Any], *, damaged: str = "error"
    ) -> None:
        if damaged not in ("error", "flag"):
            raise InputError(f"damaged must be 'error' or 'flag', got {damaged!r}")
        self.index = index
        self._open_reader = open_reader
        self._flag_damage = damaged == "flag"
        self._first, stop, self._end_pts = _plan.range_of(
            index.shown_pts, index.end_pts, video.start_s, video.end_s, tick_s=index.tick_s, where=index.path
        )
        self._pts = index.shown_pts[self._first : stop]
        self._low_s = max(video.start_s, float(index.time_s(int(index.shown_pts[0]))))
        self.times_s = index.time_s(self._pts)
        start_s, end_s = float(self.times_s[0]), float(index.time_s(self._end_pts))
        turned = index.quarter_turns % 2
        self.video = video._replace(
            start_s=start_s,
            end_s=end_s,
            fps=len(self._pts) / (end_s - start_s),
            num_frames=len(self._pts),
            width=index.height if turned else index.width,
            height=index.width if turned else index.height,
            rotation=(-90 * index.quarter_turns) % 360,
            has_audio=index.has_audio,
        )
        self._reader: Any = open_reader()
        self._motion: MotionReader | None = None

    @property
    def duration_s(self) -> float:
        """From the first frame's time to the end of the last."""
        return self.video.duration_s

    def read(self, requests: Sequence[ClipRequest]) -> list[Clip]:
        """Carry out all requests in one pass; a frame that several want is decoded once.

        Args:
            requests: clips of this video. Neighbours (``offsets_s``) beyond an end show the frame at that end, and so do
                masked times; ``Clip.time_s`` tells the time of the frame that was given.

        Returns:
            One clip a request, in order. ``frames`` (T, K, 3, H, W) uint8 is a view of channels-last memory (so is a
            ``torch.from_numpy`` of it); ``motion`` is there where its plane was asked for.

        Raises:
            VideoError: kind "out_of_range" for an unmasked time outside the video; "corrupt" for damage (unless the
                video was opened with ``damaged="flag"``: then the frame is flagged, black where nothing came out).
        """
        plans = [self._plan(request) for request in requests]
        clips = [self._empty(request, plan) for request, plan in zip(requests, plans)]
        for reader, planes in self._passes(requests):
            self._read_pass(reader, planes, requests, plans, clips)
        return clips

    def _passes(self, requests: Sequence[ClipRequest]) -> list[tuple[Any, tuple[str, ...]]]:
        """Readers and what each is for: one for everything, unless motion is wanted and the backend knows none."""
        if not any("motion" in request.planes for request in requests):
            return [(self._reader, ("rgb",))]
        if self._motion is None:
            self._motion = MotionReader(self.index)
        if isinstance(self._reader, PyAVReader):
            return [(self._motion.reader, PLANES)]
        return [(self._reader, ("rgb",)), (self._motion.reader, ("motion",))]

    def _read_pass(
        self, reader: Any, planes: tuple[str, ...], requests: Sequence[ClipRequest], plans: Sequence[np.ndarray],
        clips: Sequence[Clip],
    ) -> None:  # fmt: skip
        """Fill in these planes of the clips; each frame is decoded once, each crop and size made once."""
        wanted = [[plane for plane in planes if plane in request.planes] for request in requests]
        users = _users([plan if found else plan[:0] for plan, found in zip(plans, wanted)])
        for number, picture, damaged in reader.decode(sorted(users)):
            if damaged and not self._flag_damage:
                raise self._damage(number)
            made: dict[tuple, np.ndarray] = {}
            for which, places in users[number]:
                clip, request = clips[which], requests[which]
                for plane in wanted[which]:
                    key = (plane, request.crop, request.size)
                    if key not in made and picture is not None:
                        made[key] = self._made(plane, number, picture, request)
                    rows = _channels_last(clip.frames) if plane == "rgb" else clip.motion
                    for t, k in places:
                        rows[t, k] = made.get(key, 0)  # type: ignore[index]
                for t, k in places:
                    clip.damaged[t, k] |= damaged  # type: ignore[index]
            made.clear()  # before the next is made: the memory is used again, which costs less than new pages
        for number in reader.doubted:
            if not self._flag_damage:
                raise self._damage(number)
            for which, places in users[number]:
                for t, k in places:
                    clips[which].damaged[t, k] = True  # type: ignore[index]

    def _made(self, plane: str, number: int, picture: Any, request: ClipRequest) -> np.ndarray:
        if plane == "rgb":
            return self._reader.picture(picture, request.crop, request.size)
        assert self._motion is not None
        return self._motion.field(number, picture, request.crop, request.size)

    def frames_at(self, time_s, *, size: Size | None = None, crop: Crop | None = None) -> np.ndarray:
        """The frame on screen at each time: uint8 RGB (T, 3, H, W), upright, in the order asked; repeats allowed.

        A frame is on screen from its time until the next frame's: the one shown at t is the last with time <= t (to
        half a tick of the file's clock).

        Args:
            time_s: (T,) presentation times in seconds (``times_s`` are the frames' own).
            size: (H, W) to resize to, after the crop; None = as it is. With a size the pictures differ slightly from
                decoding and then resizing; without one they are FFmpeg's RGB bit for bit.
            crop: x0, y0, x1, y1 in [0, 1] of the upright picture.

        Raises:
            VideoError: kind "out_of_range", naming the bounds; "corrupt".
        """
        request = ClipRequest(self.video.id, np.atleast_1d(np.asarray(time_s, dtype=np.float64)), crop=crop, size=size)
        return self.read([request])[0].frames[:, 0]

    def motion_vectors_at(self, time_s, *, size: Size | None = None, crop: Crop | None = None) -> np.ndarray:
        """The encoder's own motion at each time: float32 (T, 2, H, W), (dx, dy) in pixels of the output per second.

        Zero in key frames and in blocks that were not predicted. Raises as ``frames_at``.
        """
        times = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        request = ClipRequest(self.video.id, times, crop=crop, size=size, planes=("motion",))
        motion = self.read([request])[0].motion
        assert motion is not None
        return motion[:, 0]

    def frames(
        self, start_s: float | None = None, end_s: float | None = None, *, size: Size | None = None
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Frames one after the other, in bounded memory: (time_s, uint8 RGB (3, H, W)).

        Those with ``start_s`` <= time < ``end_s`` (default: all). Each iterator has a reader of its own, so other calls
        may go on meanwhile. A damaged frame is an error here in any case.
        """
        start = _plan.to_ticks(self.video.start_s if start_s is None else start_s, self.index.tick_s)
        low = int(np.searchsorted(self._pts, start, side="left"))
        high = len(self._pts)
        if end_s is not None and np.isfinite(end_s):
            high = int(np.searchsorted(self._pts, _plan.to_ticks(end_s, self.index.tick_s), side="left"))
        if high <= low:
            return
        reader = self._open_reader()
        try:
            for number, picture, damaged in reader.decode(np.arange(self._first + low, self._first + high)):
                if damaged:
                    raise self._damage(number)
                rgb = reader.picture(picture, None, size)
                yield float(self.times_s[number - self._first]), np.ascontiguousarray(rgb).transpose(2, 0, 1)
            for number in reader.doubted:
                raise self._damage(number)
        finally:
            reader.close()

    def _plan(self, request: ClipRequest) -> np.ndarray:
        """(T, K) numbers of the file's shown frames."""
        path, tick_s = self.index.path, self.index.tick_s
        time_s = np.asarray(request.time_s, dtype=np.float64)
        if time_s.ndim != 1 or len(time_s) == 0:
            raise InputError(f"{path}: time_s must be (T,) with T >= 1; got shape {time_s.shape}")
        if not set(request.planes) <= set(PLANES) or not request.planes:
            raise InputError(f"{path}: planes must be some of {PLANES}; got {request.planes}")
        if request.size is not None and min(request.size) < 1:
            raise InputError(f"{path}: size must be (H, W), both at least 1; got {request.size}")
        _plan.shown_at(
            self._pts, self._end_pts, time_s, tick_s=tick_s, mask=request.mask, where=path, low_s=self._low_s
        )
        times = time_s[:, None] + np.asarray(request.offsets_s, dtype=np.float64)[None]
        anywhere = np.zeros(times.shape, dtype=bool)
        return self._first + _plan.shown_at(self._pts, self._end_pts, times, tick_s=tick_s, mask=anywhere, where=path)

    def _empty(self, request: ClipRequest, plan: np.ndarray) -> Clip:
        height, width = self.video.height, self.video.width
        if request.size is not None:
            height, width = request.size
        elif request.crop is not None:
            x0, y0, x1, y1 = pixel_box(request.crop, width, height)
            height, width = y1 - y0, x1 - x0
        shape = (*plan.shape, height, width, 3) if "rgb" in request.planes else (*plan.shape, 0, 0, 3)
        mask = np.ones(len(plan), dtype=bool) if request.mask is None else np.asarray(request.mask, dtype=bool)
        return Clip(
            video_id=request.video_id,
            time_s=self.times_s[plan - self._first],
            frames=np.empty(shape, dtype=np.uint8).transpose(0, 1, 4, 2, 3),
            mask=mask,
            motion=np.empty((*plan.shape, 2, height, width), np.float32) if "motion" in request.planes else None,
            damaged=np.zeros(plan.shape, dtype=bool),
        )

    def _damage(self, number: int) -> VideoError:
        time_s = float(self.index.time_s(int(self.index.shown_pts[number])))
        return VideoError(
            f"{self.index.path}: video stream ({self.index.codec}) is damaged at {time_s:.6f} s. Open it with "
            "damaged='flag' to get what can be decoded, or leave this time out.",
            path=self.index.path,
            kind="corrupt",
            time_s=time_s,
        )

    def close(self) -> None:
        """Free the file. Frames already handed out stay valid."""
        self._reader.close()
        if self._motion is not None:
            self._motion.close()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __reduce__(self):
        raise InputError(f"{self.index.path}: an open decoder cannot go to another process; open the video there")


def _users(plans: Sequence[np.ndarray]) -> dict[int, list[tuple[int, list[tuple[int, int]]]]]:
    """Frame number -> which requests want it, and at which (t, k)."""
    users: dict[int, list[tuple[int, list[tuple[int, int]]]]] = {}
    for which, plan in enumerate(plans):
        places: dict[int, list[tuple[int, int]]] = {}
        for t, row in enumerate(plan.tolist()):
            for k, number in enumerate(row):
                places.setdefault(number, []).append((t, k))
        for number, where in places.items():
            users.setdefault(number, []).append((which, where))
    return users


def _channels_last(frames: np.ndarray) -> np.ndarray:
    return frames.transpose(0, 1, 3, 4, 2)
