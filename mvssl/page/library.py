"""The videos that the page may show, and where their files are: nothing outside the indexed folder is ever opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.retrieval import ExactIndex
from mvssl.types import Video


class Library:
    """Embedded videos by number. The browser names a video by its number alone, never by a path.

    Attributes:
        videos: in order; uploads come last.
        segments: labels by video id; empty where there are none.
        root: the indexed folder.
        uploads: the folder of uploaded videos, the only other one that files are read from.
    """

    def __init__(
        self, frames: Frames, *, root: Path, uploads: Path, segments: Segments | None = None, centre: bool = True
    ):
        if not len(frames):
            raise InputError("the table of frames holds no videos; embed some first (mvssl embed)")
        self.videos: list[VideoFrames] = list(frames)
        self.segments = Segments() if segments is None else segments
        self.metadata = frames.metadata
        self.root, self.uploads = root.resolve(), uploads.resolve()
        self.index = ExactIndex(frames, centre=centre)

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, number: int) -> VideoFrames:
        if not 0 <= number < len(self.videos):
            raise InputError(f"no video number {number}; there are {len(self.videos)}, counted from 0")
        return self.videos[number]

    def number_of(self, video_id: str) -> int:
        """Number of the video of that id."""
        return next(number for number, video in enumerate(self.videos) if video.video == video_id)

    def video(self, number: int) -> Video:
        """The video to open.

        Raises:
            InputError: its file is not there, or does not lie inside the indexed folder once links are followed.
        """
        found = self[number]
        path = os.path.realpath(self._stated(found))
        if not any(Path(path).is_relative_to(folder) for folder in (self.root, self.uploads)):
            raise InputError(f"{found.video}: its file lies outside the indexed folder and is not shown")
        if not os.path.exists(path):
            raise InputError(
                f"{found.video}: its file is gone; if the videos were moved, say where to (--videos FOLDER)"
            )
        row = Video(found.video, path)
        return row._replace(start_s=found.start_s, end_s=found.end_s) if found.end_s > found.start_s else row

    def add(self, video: VideoFrames) -> int:
        """Takes in a further embedded video; returns its number."""
        if any(video.video == other.video for other in self.videos):
            raise InputError(f"{video.video} is in the library already")
        self.index = ExactIndex(Frames([*self.videos, video], self.metadata), centre=self.index.centre)
        self.videos = [*self.videos, video]
        return len(self.videos) - 1

    def _stated(self, video: VideoFrames) -> Path:
        """Where the id leads from the root, else where the video was when it was embedded."""
        here, stated = self.root / video.video, Path(video.path)
        return stated if not here.exists() or stated.resolve().is_relative_to(self.uploads) else here


def root_of(videos: Sequence[VideoFrames]) -> Path:
    """The folder that the ids of the videos are relative to, read from where they were when they were embedded.

    Raises:
        InputError: the files lie here and there; the user has to say which folder may be shown.
    """
    roots = {_prefix(video) for video in videos}
    if len(roots) == 1 and (root := roots.pop()) is not None:
        return root
    shared = Path(os.path.commonpath([Path(os.path.abspath(video.path)).parent for video in videos]))
    if len(shared.parts) < 3:  # a drive, or all of /home: too much to open on a guess
        raise InputError(
            f"the videos have no folder in common below {shared}; say which may be shown (--videos FOLDER)"
        )
    return shared


def _prefix(video: VideoFrames) -> Path | None:
    path, tail = Path(os.path.abspath(video.path)).as_posix(), "/" + video.video
    return Path(path.removesuffix(tail) or "/") if path.endswith(tail) and path != tail else None
