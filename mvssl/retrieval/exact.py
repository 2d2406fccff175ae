"""Exact search: all distances, in torch."""

from __future__ import annotations

import numpy as np
import torch

from mvssl.embedding.tables import Frames, VideoFrames


def directions(video: VideoFrames, *, centre: bool) -> np.ndarray:
    """(T, D) float32 unit rows of a video, its mean subtracted first if asked."""
    rows = video.embedding - video.embedding.mean(0) if centre else video.embedding
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norm, out=np.zeros_like(rows, dtype=np.float32), where=norm > 0)


class ExactIndex:
    """All frames of a table in memory; every query is compared with every frame.

    Attributes:
        frames: the table.
        video_row: (N,) int64 which video a frame is of.
        time_s: (N,) its time.
        frame: (N,) its number in the file.
    """

    def __init__(self, frames: Frames, *, centre: bool = True):
        self.frames = frames
        self.centre = centre
        lengths = [len(video.time_s) for video in frames]
        self.video_row = np.repeat(np.arange(len(frames)), lengths)
        self.time_s = np.concatenate([video.time_s for video in frames]) if len(frames) else np.zeros(0)
        self.frame = np.concatenate([video.frame for video in frames]) if len(frames) else np.zeros(0, np.int64)
        self._first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        width = frames[0].embedding.shape[1] if len(frames) else 0
        self._rows = torch.empty((int(self._first[-1]), width))
        for i, video in enumerate(frames):
            self._rows[self._first[i] : self._first[i + 1]] = torch.from_numpy(directions(video, centre=centre))

    def nearest(self, query: np.ndarray, num_hits: int, *, excluded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest frames that are not of an excluded video.

        Args:
            query: (D,) a unit vector.
            num_hits: how many.
            excluded: (num_videos,) bool.

        Returns:
            Rows and cosine distances, nearest first; fewer than asked where the table is too small.
        """
        similarity = self._rows @ torch.from_numpy(np.asarray(query, dtype=np.float32))
        for i in np.flatnonzero(excluded):
            similarity[self._first[i] : self._first[i + 1]] = -torch.inf
        left = len(similarity) - int((self._first[1:] - self._first[:-1])[excluded].sum())
        found = torch.topk(similarity, min(num_hits, left))
        return found.indices.numpy(), (1.0 - found.values).clamp(min=0.0).numpy()
