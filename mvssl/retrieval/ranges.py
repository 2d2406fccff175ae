"""Search for a range: the frames nominate videos, subsequence DTW finds and ranks the places in them."""

from __future__ import annotations

import numpy as np

from mvssl.dtw import cosine_cost, subsequence_dtw

from .exact import ExactIndex, directions
from .match import Match

ALL_VIDEOS_CELLS = 50_000_000  # below this many (query frame, table frame) pairs every video is matched as a sequence
NOMINEES = 50  # videos per wanted place, else


def search_range(
    index: ExactIndex, query: np.ndarray, *, k: int, excluded: np.ndarray, merge_within_s: float
) -> list[Match]:
    """The k places whose sequence of frames matches the query's best.

    Args:
        index: the table.
        query: (N, D) unit rows of the range, in order.
        k: how many places.
        excluded: (num_videos,) bool.
        merge_within_s: places of one video whose middles are this near count once (they never overlap anyway).

    Returns:
        Matches with ``distance`` the mean cosine distance along the path and ``time_s`` the middle frame's time.
    """
    found = []
    for row in _candidates(index, query, k, excluded):
        video = index.frames[int(row)]
        cost = cosine_cost(query, directions(video, centre=index.centre))
        middles: list[float] = []
        for path in subsequence_dtw(cost, num_paths=k):
            middle = int(path.query[np.abs(path.reference - (len(query) - 1) / 2).argmin()])
            time_s = float(video.time_s[middle])
            if any(abs(time_s - other) <= merge_within_s for other in middles):
                continue
            middles.append(time_s)
            bounds_s = (float(video.time_s[path.query[0]]), float(video.time_s[path.query[-1]]))
            found.append((path.cost, video, int(video.frame[middle]), time_s, bounds_s))
    found.sort(key=lambda place: (place[0], place[1].video, place[3]))
    return [
        Match(rank, video.video, frame, time_s, *bounds_s, float(cost), video.session, video.camera, video.path)
        for rank, (cost, video, frame, time_s, bounds_s) in enumerate(found[:k], start=1)
    ]


def _candidates(index: ExactIndex, query: np.ndarray, k: int, excluded: np.ndarray) -> np.ndarray:
    """Rows of the videos worth matching as sequences: all of a small table, else those that hold most near frames."""
    if len(index.time_s) * len(query) <= ALL_VIDEOS_CELLS:
        return np.flatnonzero(~excluded)
    votes = np.zeros(len(index.frames))
    for direction in query[np.linspace(0, len(query) - 1, min(len(query), 16)).round().astype(int)]:
        rows, distances = index.nearest(direction, 20 * NOMINEES * k, excluded=excluded)
        video, first = np.unique(index.video_row[rows], return_index=True)  # the nearest frame of each video
        votes[video] += 2.0 - distances[first]
    best = np.argsort(-votes, kind="stable")[: NOMINEES * k]
    return best[votes[best] > 0]
