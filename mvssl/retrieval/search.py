"""``search``: the same moment elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mvssl.embedding.tables import Frames, VideoFrames
from mvssl.errors import InputError

from .exact import ExactIndex, directions
from .match import Match, suppress
from .moment import Moment, find_video, parse_moment, rows_of
from .ranges import search_range

Query = str | Moment


def search(
    frames: Frames | ExactIndex,
    query: Query | Sequence[Query],
    *,
    k: int = 20,
    minus: Sequence[Query] = (),
    exclude_own_video: bool = True,
    exclude_session: bool = False,
    merge_within_s: float = 1.0,
    centre: bool = True,
    query_frames: Frames | None = None,
) -> list[Match]:
    """The places that show the same moment as the query, nearest first.

    A frame finds frames; a range finds ranges, as sequences, by subsequence DTW; several examples are averaged as
    directions, and ``minus`` examples subtracted (Rocchio 1971), each example a frame or the mean of a range.

    Args:
        frames: the table that is searched, or an index of it made before.
        query: ``VIDEO@12.4s``, ``VIDEO@f372``, ``VIDEO@3s-5s`` or a ``Moment``; or several of them.
        k: how many places.
        minus: examples of what is not wanted.
        exclude_own_video: leave out the videos of the query (also of ``minus``).
        exclude_session: leave out all cameras of the query's sessions.
        merge_within_s: of places of one video this close to each other only the nearest is given.
        centre: subtract each video's mean first (removes scene and person).
        query_frames: the table that holds the query's video, where that is another one (same model).

    Returns:
        At most k matches; fewer where the table holds no more.

    Raises:
        InputError: an unknown video or time, a table of another model, k below 1.
    """
    if k < 1:
        raise InputError(f"k = {k}: at least one match must be asked for")
    index = frames if isinstance(frames, ExactIndex) else ExactIndex(frames, centre=centre)
    home = index.frames if query_frames is None else query_frames
    if query_frames is not None and query_frames.metadata.get("model") != index.frames.metadata.get("model"):
        raise InputError("the query was embedded by another model than the table; embed it with the table's model")
    wanted = [_moment(q, home) for q in ([query] if isinstance(query, str | Moment) else query)]
    unwanted = [_moment(q, home) for q in minus]
    if not wanted:
        raise InputError("nothing to search for: give at least one example")
    excluded = _excluded(index.frames, [home[m.video] for m in wanted + unwanted], exclude_own_video, exclude_session)
    if len(wanted) == 1 and not unwanted and wanted[0].is_range:
        example = home[wanted[0].video]
        rows = directions(example, centre=index.centre)[rows_of(wanted[0], example)]
        return search_range(index, rows, k=k, excluded=excluded, merge_within_s=merge_within_s)

    direction = np.mean([_example(m, home[m.video], index.centre) for m in wanted], axis=0)
    if unwanted:
        direction = direction - np.mean([_example(m, home[m.video], index.centre) for m in unwanted], axis=0)
    norm = float(np.linalg.norm(direction))
    if norm == 0.0:
        raise InputError("the examples cancel out: nothing is left to search for")
    rows, distances = _merged(index, direction / norm, k, excluded, merge_within_s)
    return [_match(index, rank, row, distance) for rank, (row, distance) in enumerate(zip(rows, distances), start=1)]


def _moment(query: Query, home: Frames) -> Moment:
    if isinstance(query, str):
        return parse_moment(query, home)
    return query._replace(video=find_video(query.video, home).video)


def _example(moment: Moment, video: VideoFrames, centre: bool) -> np.ndarray:
    """(D,) unit direction of an example: the frame, or the mean of the range's frames."""
    mean = directions(video, centre=centre)[rows_of(moment, video)].mean(0)
    norm = float(np.linalg.norm(mean))
    return mean / norm if norm > 0 else mean


def _excluded(table: Frames, examples: Sequence[VideoFrames], own_video: bool, session: bool) -> np.ndarray:
    ids = {video.video for video in examples} if own_video else set()
    sessions = {video.session for video in examples if video.session} if session else set()
    return np.array([video.video in ids or video.session in sessions for video in table], dtype=bool)


def _merged(
    index: ExactIndex, direction: np.ndarray, k: int, excluded: np.ndarray, merge_within_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """k rows that are no near-duplicates in time; over-fetches until there are enough, or no more."""
    num_hits = 4 * k
    while True:
        rows, distances = index.nearest(direction, num_hits, excluded=excluded)
        kept = suppress(index.video_row[rows], index.time_s[rows], merge_within_s=merge_within_s, k=k)
        if len(kept) == k or len(rows) < num_hits:
            return rows[kept], distances[kept]
        num_hits *= 4


def _match(index: ExactIndex, rank: int, row: int, distance: float) -> Match:
    video, time_s = index.frames[int(index.video_row[row])], float(index.time_s[row])
    return Match(
        rank,
        video.video,
        int(index.frame[row]),
        time_s,
        time_s,
        time_s,
        float(distance),
        video.session,
        video.camera,
        video.path,
    )
