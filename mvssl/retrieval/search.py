"""``search``: the same moment elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames

from .exact import ExactIndex
from .index import Index
from .match import Match, Selection, apart, checked_fields
from .moment import Moment, VideoLookup, parse_moment, rows_of
from .ranges import search_range

Query = str | Moment


def search(
    frames: Frames | Index,
    query: Query | Sequence[Query],
    *,
    k: int = 20,
    minus: Sequence[Query] = (),
    exclude_own_video: bool = True,
    exclude_session: bool = False,
    where: Mapping[str, str] | None = None,
    merge_within_s: float = 1.0,
    centre: bool = True,
    query_frames: Frames | None = None,
) -> list[Match]:
    """The places that show the same moment as the query, nearest first.

    A frame finds frames; a range finds ranges, as sequences, by subsequence DTW; several examples are averaged as
    directions, and ``minus`` examples subtracted (Rocchio 1971), each example a frame or the mean of a range.

    Args:
        frames: the table that is searched, or an index of it made before, in memory or on disk.
        query: ``VIDEO@12.4s``, ``VIDEO@f372``, ``VIDEO@3s-5s`` or a ``Moment``; or several of them.
        k: how many places.
        minus: examples of what is not wanted.
        exclude_own_video: leave out the videos of the query (also of ``minus``).
        exclude_session: leave out all cameras of the query's sessions.
        where: fields that a video must have, e.g. ``{"camera": "cam0"}``: session, camera, group, split, label.
        merge_within_s: of places of one video this close to each other only the nearest is given.
        centre: subtract each video's mean first (removes scene and person); an index keeps its own way.
        query_frames: the table that holds the query's video, where that is another one (same model).

    Returns:
        At most k matches; fewer where the table holds no more.

    Raises:
        InputError: an unknown video or time, a table of another model, k below 1, a field that videos do not have.
    """
    if k < 1:
        raise InputError(f"k = {k}: at least one match must be asked for")
    index = ExactIndex(frames, centre=centre) if isinstance(frames, Frames) else frames
    if query_frames is not None and query_frames.metadata.get("model") != index.metadata.get("model"):
        raise InputError("the query was embedded by another model than the table; embed it with the table's model")
    home: VideoLookup = index if query_frames is None else ExactIndex(query_frames, centre=index.centre)
    wanted = [_moment(q, home) for q in ([query] if isinstance(query, str | Moment) else query)]
    unwanted = [_moment(q, home) for q in minus]
    if not wanted:
        raise InputError("nothing to search for: give at least one example")
    videos = {name: home.find(name) for name in dict.fromkeys(m.video for m in wanted + unwanted)}
    selection = Selection(
        frozenset(videos) if exclude_own_video else frozenset(),
        frozenset(v.session for v in videos.values() if v.session) if exclude_session else frozenset(),
        checked_fields(where or {}),
    )
    if len(wanted) == 1 and not unwanted and wanted[0].is_range:
        example = videos[wanted[0].video]
        rows = example.embedding[rows_of(wanted[0], example)]
        return search_range(index, rows, k=k, selection=selection, merge_within_s=merge_within_s)

    direction = np.mean([_example(m, videos[m.video]) for m in wanted], axis=0)
    if unwanted:
        direction = direction - np.mean([_example(m, videos[m.video]) for m in unwanted], axis=0)
    norm = float(np.linalg.norm(direction))
    if norm == 0.0:
        raise InputError("the examples cancel out: nothing is left to search for")
    unit = direction / norm
    return apart(lambda num_hits: index.nearest(unit, num_hits, selection), k, merge_within_s=merge_within_s)


def _moment(query: Query, home: VideoLookup) -> Moment:
    if isinstance(query, str):
        return parse_moment(query, home)
    return query._replace(video=home.find(query.video).video)


def _example(moment: Moment, video: VideoFrames) -> np.ndarray:
    """(D,) unit direction of an example: the frame, or the mean of the range's frames."""
    mean = video.embedding[rows_of(moment, video)].mean(0)
    norm = float(np.linalg.norm(mean))
    return mean / norm if norm > 0 else mean
