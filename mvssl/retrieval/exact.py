"""Exact search: all distances, as one product."""

from __future__ import annotations

import numpy as np

from mvssl.frames import Frames, VideoFrames
from mvssl.series import unit_rows

from .match import Match, Selection


def directions(video: VideoFrames, *, centre: bool) -> np.ndarray:
    """(T, D) float32 unit rows of a video, its mean subtracted first if asked."""
    rows = video.embedding - video.embedding.mean(0) if centre else video.embedding
    return unit_rows(rows).astype(np.float32, copy=False)


class ExactIndex:
    """All frames of a table in memory; every query is compared with every frame.

    Attributes:
        frames: the table.
        centre: each video's mean is subtracted.
        metadata: what made the table.
    """

    def __init__(self, frames: Frames, *, centre: bool = True):
        self.frames = frames
        self.centre = centre
        self.metadata = frames.metadata
        lengths = [len(video.time_s) for video in frames]
        self._video = np.repeat(np.arange(len(frames)), lengths)
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        width = frames[0].embedding.shape[1] if len(frames) else 0
        self._rows = np.empty((int(self._first[-1]), width), dtype=np.float32)
        for i, video in enumerate(frames):
            self._rows[self._first[i] : self._first[i + 1]] = directions(video, centre=centre)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, name: str) -> VideoFrames:
        """The video of that id or ending, its embedding the unit rows that are searched."""
        return self._directions(self.frames.find(name))

    def read(self, ids: list[str]) -> list[VideoFrames]:
        """Videos by id, as ``find`` gives them."""
        return [self._directions(self.frames[name]) for name in ids]

    def select(self, selection: Selection) -> list[str]:
        """Ids of the videos that count."""
        return [video.video for video in self.frames if _counts(video, selection)]

    def nearest(self, direction: np.ndarray, num_hits: int, selection: Selection) -> list[Match]:
        """The nearest frames of the videos that count, nearest first; fewer than asked where there are no more.

        Args:
            direction: (D,) a unit vector.
        """
        similarity = self._rows @ np.asarray(direction, dtype=np.float32)
        left = len(similarity)
        for i, video in enumerate(self.frames):
            if not _counts(video, selection):
                similarity[self._first[i] : self._first[i + 1]] = -np.inf
                left -= int(self._first[i + 1] - self._first[i])
        if not (wanted := min(num_hits, left)):
            return []
        rows = np.argpartition(-similarity, wanted - 1)[:wanted]
        rows = rows[np.lexsort((rows, -similarity[rows]))]  # of equal ones the first of the table
        return [self._match(row, max(0.0, 1.0 - float(similarity[row]))) for row in rows.tolist()]

    def _match(self, row: int, distance: float) -> Match:
        i = int(self._video[row])
        video, k = self.frames[i], row - int(self._first[i])
        time_s = float(video.time_s[k])
        at = (int(video.frame[k]), time_s, time_s, time_s, distance)
        return Match(0, video.video, *at, video.session, video.camera, video.path, video.first_s)

    def _directions(self, video: VideoFrames) -> VideoFrames:
        return video._replace(embedding=directions(video, centre=self.centre))


def _counts(video: VideoFrames, selection: Selection) -> bool:
    return (
        video.video not in selection.without_videos
        and video.session not in selection.without_sessions
        and all(getattr(video, name) == value for name, value in selection.where)
    )
