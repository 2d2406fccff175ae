"""Search for a range: the frames nominate videos, subsequence DTW finds and ranks the places in them."""

from __future__ import annotations

import numpy as np

from mvssl.dtw import cosine_cost, subsequence_dtw

from .exact import ExactIndex
from .index import Index
from .match import Match, Selection

ALL_VIDEOS_CELLS = 50_000_000  # below this many (query frame, table frame) pairs every video is matched as a sequence
NOMINEES = 10  # videos per wanted place, else
NOMINATING = 16  # frames of the range that look for them


def search_range(
    index: Index, query: np.ndarray, *, k: int, selection: Selection, merge_within_s: float
) -> list[Match]:
    """The k places whose sequence of frames matches the query's best.

    Args:
        index: exact or on disk.
        query: (N, D) unit rows of the range, in order.
        k: how many places.
        selection: which videos count.
        merge_within_s: places of one video whose middles are this near count once (they never overlap anyway).

    Returns:
        Matches with ``distance`` the mean cosine distance along the path and ``time_s`` the middle frame's time.
    """
    found: list[Match] = []
    for video in index.read(_candidates(index, query, k, selection)):
        cost = cosine_cost(query, video.embedding)
        middles: list[float] = []
        for path in subsequence_dtw(cost, num_paths=k):
            middle = int(path.query[np.abs(path.reference - (len(query) - 1) / 2).argmin()])
            time_s = float(video.time_s[middle])
            if any(abs(time_s - other) <= merge_within_s for other in middles):
                continue
            middles.append(time_s)
            bounds_s = (float(video.time_s[path.query[0]]), float(video.time_s[path.query[-1]]))
            at = (int(video.frame[middle]), time_s, *bounds_s, float(path.cost))
            found.append(Match(0, video.video, *at, video.session, video.camera, video.path, video.first_s))
    found.sort(key=lambda place: (place.distance, place.video, place.time_s))
    return [place._replace(rank=rank) for rank, place in enumerate(found[:k], start=1)]


def _candidates(index: Index, query: np.ndarray, k: int, selection: Selection) -> list[str]:
    """Ids of the videos worth matching as sequences: all of a small table, else those that hold most near frames."""
    if isinstance(index, ExactIndex) and len(index) * len(query) <= ALL_VIDEOS_CELLS:
        return index.select(selection)
    votes: dict[str, float] = {}
    for row in np.linspace(0, len(query) - 1, min(len(query), NOMINATING)).round().astype(int):
        nearest: dict[str, float] = {}
        for hit in index.nearest(query[row], 20 * NOMINEES * k, selection):
            nearest.setdefault(hit.video, hit.distance)  # hits come nearest first
        for video, distance in nearest.items():
            votes[video] = votes.get(video, 0.0) + 2.0 - distance
    return sorted(votes, key=lambda video: (-votes[video], video))[: NOMINEES * k]
