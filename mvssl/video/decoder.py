"""The decoder: an open video that hands out the frames on screen at given times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from mvssl.errors import InputError, VideoError
from mvssl.types import Clip, ClipRequest, Video

from . import _plan
from .frame_index import FrameIndex

Crop = tuple[float, float, float, float]
Size = tuple[int, int]


class Decoder:
    """An open video. Made by ``open_video``; used in the process that opened it, never pickled, always closed.

    Attributes:
        video: its row (times, size of the upright picture, rotation, ...).
        times_s: (N,) float64 presentation time of every frame that belongs to the video.
        duration_s: the end of the last frame minus the time of the first.
    """

    def __init__(self, video: Video, index: FrameIndex, reader) -> None:
        self._index = index
        self._reader = reader
        pts = index.shown_pts
        self._first, stop, self._end_pts = _plan.range_of(
            pts, index.end_pts, video.start_s, video.end_s, tick_s=index.tick_s, where=index.path
        )
        self._pts = pts[self._first : stop]
        self._low_s = max(video.start_s, float(pts[0]) * index.tick_s)
        self.times_s = self._pts * index.time_base[0] / index.time_base[1]
        end_s = self._end_pts * index.time_base[0] / index.time_base[1]
        start_s = float(self.times_s[0])
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
        self._reformatter = VideoReformatter()

    @property
    def duration_s(self) -> float:
        return self.video.duration_s

    def read(self, requests: Sequence[ClipRequest]) -> list[Clip]:
        """Carry out all requests in one pass; a frame wanted several times is decoded once.

        Args:
            requests: clips of this video. Neighbours (``offsets_s``) beyond the ends show the end frames (``Clip.time_s``
                tells the time of the frame that was given); so do masked times.

        Returns:
            One clip a request, in order. ``frames`` (T, K, 3, H, W) uint8 is a view of channels-last memory.

        Raises:
            VideoError: kind "out_of_range" for an unmasked time outside the video; "corrupt" for damage.
        """
        plans = [self._plan(request) for request in requests]
        users: dict[int, list[tuple[int, np.ndarray]]] = {}
        for number, plan in enumerate(plans):
            flat = plan.reshape(-1)
            for frame in np.unique(flat):
                users.setdefault(int(frame), []).append((number, np.flatnonzero(flat == frame)))
        outputs: list[np.ndarray | None] = [None] * len(requests)
        damaged = [np.zeros(plan.size, dtype=bool) for plan in plans]
        for frame_number, frame, bad in self._reader.decode(sorted(users)):
            if bad or frame is None:
                raise self._damage(frame_number)
            made: dict = {}
            for number, places in users[frame_number]:
                request = requests[number]
                key = (request.crop, request.size)
                if key not in made:
                    made[key] = self._picture(frame, *key)
                if outputs[number] is None:
                    outputs[number] = np.empty((plans[number].size, *made[key].shape), dtype=np.uint8)
                outputs[number][places] = made[key]
                damaged[number][places] = bad
        clips = []
        for request, plan, output, bad in zip(requests, plans, outputs, damaged):
            frames = output.reshape(*plan.shape, *output.shape[1:]).transpose(0, 1, 4, 2, 3)
            mask = np.ones(len(plan), dtype=bool) if request.mask is None else np.asarray(request.mask, dtype=bool)
            clips.append(
                Clip(request.video_id, self.times_s[plan - self._first], frames, mask, None, bad.reshape(plan.shape))
            )
        return clips

    def frames_at(self, time_s, *, size: Size | None = None, crop: Crop | None = None) -> np.ndarray:
        """The frame on screen at each time: uint8 RGB (T, 3, H, W), upright, in the order asked; repeats allowed.

        Args:
            time_s: (T,) presentation times in seconds (``times_s`` are the frames' own).
            size: (H, W) to resize to, after the crop; None = as it is.
            crop: x0, y0, x1, y1 in [0, 1] of the upright picture.

        Raises:
            VideoError: kind "out_of_range", naming the bounds.
        """
        request = ClipRequest(self.video.id, np.atleast_1d(np.asarray(time_s, dtype=np.float64)), crop=crop, size=size)
        return self.read([request])[0].frames[:, 0]

    def frames(
        self, start_s: float | None = None, end_s: float | None = None, *, size: Size | None = None
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Frames in order, one at a time: (time_s, uint8 (3, H, W)), from ``start_s`` (included) to ``end_s`` (excluded)."""
        wanted = np.arange(self._first, self._first + len(self._pts))
        if start_s is not None:
            wanted = wanted[self._pts[wanted - self._first] >= _plan.to_ticks(start_s, self._index.tick_s)]
        if end_s is not None:
            wanted = wanted[self._pts[wanted - self._first] < _plan.to_ticks(end_s, self._index.tick_s)]
        if len(wanted) == 0:
            return
        for number, frame, bad in self._reader.decode(wanted):
            if bad or frame is None:
                raise self._damage(number)
            yield float(self.times_s[number - self._first]), self._picture(frame, None, size).transpose(2, 0, 1)

    def _plan(self, request: ClipRequest) -> np.ndarray:
        """(T, K) numbers of the file's shown frames."""
        time_s = np.asarray(request.time_s, dtype=np.float64)
        if time_s.ndim != 1 or len(time_s) == 0:
            raise InputError(f"{self._index.path}: time_s must be (T,) with T >= 1; got shape {time_s.shape}")
        _plan.shown_at(
            self._pts,
            self._end_pts,
            time_s,
            tick_s=self._index.tick_s,
            mask=request.mask,
            where=self._index.path,
            low_s=self._low_s,
        )
        times = time_s[:, None] + np.asarray(request.offsets_s, dtype=np.float64)[None]
        inside = np.zeros(times.shape, dtype=bool)
        return self._first + _plan.shown_at(
            self._pts, self._end_pts, times, tick_s=self._index.tick_s, mask=inside, where=self._index.path
        )

    def _picture(self, frame: av.VideoFrame, crop: Crop | None, size: Size | None) -> np.ndarray:
        """Upright RGB (H, W, 3)."""
        turns = self._index.quarter_turns
        if crop is None and size is not None:
            height, width = size if turns % 2 == 0 else size[::-1]
            rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA, threads=1)
        else:
            rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        plane = rgb.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        picture = np.rot90(rows[:, : plane.width * 3].reshape(plane.height, plane.width, 3), turns)
        if crop is None:
            return picture
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = (
            round(crop[0] * width),
            round(crop[1] * height),
            round(crop[2] * width),
            round(crop[3] * height),
        )
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(
                f"crop {crop} must be x0 < x1, y0 < y1 in [0, 1] and hold at least one pixel of {width} x {height}"
            )
        part = np.ascontiguousarray(picture[y0:y1, x0:x1])
        if size is None:
            return part
        small = self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(part, "rgb24"),
            size[1],
            size[0],
            "rgb24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        plane = small.planes[0]
        return (
            np.frombuffer(plane, np.uint8)
            .reshape(plane.height, plane.line_size)[:, : plane.width * 3]
            .reshape(plane.height, plane.width, 3)
        )

    def _damage(self, number: int) -> VideoError:
        time_s = float(self._index.time_s(int(self._index.shown_pts[number])))
        message = f"{self._index.path}: video stream ({self._index.codec}) is damaged at {time_s:.6f} s"
        return VideoError(message, path=self._index.path, kind="corrupt", time_s=time_s)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __reduce__(self):
        raise VideoError(
            f"{self._index.path}: an open decoder cannot be sent to another process; open it there",
            path=self._index.path,
        )
