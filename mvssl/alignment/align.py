"""``align``: the time map from a query video to a reference video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from mvssl.dtw import WarpingPath, cosine_cost, dtw, subsequence_dtw
from mvssl.embedding.tables import VideoFrames
from mvssl.errors import InputError

from .confidence import IMAGENET, Calibration, Evidence, match_confidence, pair_probability, path_evidence
from .movement import nothing_moves
from .time_map import TimeMap

STEP_PENALTY = 0.1  # of the median cost, for each step in one of the two videos alone
USUAL = 0.85  # quantile of the matches' costs above which an open end is left out
CLOSE = 0.15  # of the median cost: what costs less is never left out
MAX_CELLS = 60_000_000  # of the cost matrix; longer pairs are thinned evenly, and the map says so

Mode = Literal["dtw", "nearest"]


def cost_matrix(reference: VideoFrames, query: VideoFrames, *, centre: bool = True) -> np.ndarray:
    """(N, M) cosine distances between the frames of two videos.

    Args:
        centre: subtract each video's mean first, which removes scene and person. Features of a backbone that was never
            trained on the task need it; it does no harm to trained ones.
    """
    if reference.embedding.shape[1] != query.embedding.shape[1]:
        raise InputError(
            f"{reference.video} has embeddings of {reference.embedding.shape[1]} values, {query.video} of "
            f"{query.embedding.shape[1]}; embed both with the same model"
        )
    rows, columns = reference.embedding, query.embedding
    if centre:
        rows, columns = rows - rows.mean(0), columns - columns.mean(0)
    return cosine_cost(rows, columns)


def align(
    reference: VideoFrames,
    query: VideoFrames,
    *,
    mode: Mode = "dtw",
    open_ends: bool = True,
    pins: Sequence[tuple[float, float]] = (),
    band_s: float | None = None,
    centre: bool = True,
    mirror: VideoFrames | None = None,
    calibration: Calibration = IMAGENET,
) -> TimeMap:
    """Which time of the query shows the same moment as which time of the reference.

    Args:
        reference: embedded frames, N of them.
        query: embedded frames of the same model, M of them.
        mode: "dtw", which keeps the order of time, or "nearest", which takes the nearest query frame of each reference
            frame alone.
        open_ends: either video may begin or end in the midst of the other; what is left out is not in the map.
        pins: (reference, query) times in seconds that belong together; the path passes their frames ("dtw" only).
        band_s: largest deviation from the straight line between the corners, in seconds of the query ("dtw" only).
        centre: see ``cost_matrix``.
        mirror: the query embedded from its mirror image; the one that matches better is used.
        calibration: from evidence to probability: ``IMAGENET``, ``TRAINED`` for an encoder trained here, or your own
            (``fit_calibration``).

    Returns:
        A map for every pair, also for one that does not match: ask ``looks_alike`` and ``verdict``.

    Raises:
        InputError: a video without frames, embeddings of different models, pins outside the videos or crossing.
    """
    if mirror is not None:
        options: dict[str, Any] = {
            "mode": mode,
            "open_ends": open_ends,
            "pins": pins,
            "band_s": band_s,
            "centre": centre,
            "calibration": calibration,
        }
        straight = align(reference, query, **options)
        turned = align(reference, mirror, **options)
        if turned.probability <= straight.probability:
            return straight
        return TimeMap(**{**vars(turned), "query": query.video, "mirrored": True})
    reference, query, notes = _thinned(reference, query)
    cost = cost_matrix(reference, query, centre=centre)
    still = nothing_moves(reference, query)
    notes = (*notes, *still)
    if mode == "nearest":
        if pins:
            raise InputError("pins need the order of time: use mode 'dtw'")
        path = WarpingPath(np.arange(len(cost)), cost.argmin(1), float(cost.min(1).mean()))
        ordered = _warped(cost, open_ends=open_ends, band=None, pins=[])  # order tells more
        evidence = _evidence(reference, query, cost, ordered)
    elif mode == "dtw":
        cells = [(_frame_at(reference, ref_s), _frame_at(query, query_s)) for ref_s, query_s in sorted(pins)]
        band = None if band_s is None else max(1, round(band_s / _step_s(query)))
        path = _warped(cost, open_ends=open_ends, band=band, pins=cells)
        evidence = _evidence(reference, query, cost, path)
    else:
        raise InputError(f"mode {mode!r}: known are 'dtw' and 'nearest'")
    probability = pair_probability(evidence, calibration)
    if still:  # a picture is like any action that passes through it: no evidence either way
        probability = min(probability, 0.5)
    return _time_map(reference, query, cost, path, probability, mode=mode, pins=tuple(sorted(pins)), notes=notes)


def align_repetitions(
    reference: VideoFrames,
    query: VideoFrames,
    *,
    max_repetitions: int = 50,
    centre: bool = True,
    calibration: Calibration = IMAGENET,
) -> list[TimeMap]:
    """Every place in a long query where the reference's action is done, in order of the query's time.

    The reference is matched whole (one repetition, cut by the user); places do not overlap. A place counts if it looks
    like the same action and has at least half of the best place's contrast, so the list may be empty.
    """
    reference, query, notes = _thinned(reference, query)
    cost = cost_matrix(reference, query, centre=centre)
    unrelated = float(np.median(cost))
    paths = subsequence_dtw(cost, num_paths=max_repetitions, max_cost=unrelated, step_penalty=STEP_PENALTY * unrelated)
    evidence = [_evidence(reference, query, cost, path, covered=1.0) for path in paths]
    maps = [
        _time_map(reference, query, cost, path, pair_probability(value, calibration), mode="dtw", pins=(), notes=notes)
        for path, value in zip(paths, evidence)
        if value.contrast >= 0.5 * max(one.contrast for one in evidence)
    ]
    return sorted((m for m in maps if m.looks_alike), key=lambda m: float(m.query_time_s[0]))


def _warped(cost: np.ndarray, *, open_ends: bool, band: int | None, pins: list[tuple[int, int]]) -> WarpingPath:
    """The path; open ends are left out where they cost more than this pair's matches do.

    What matches cost differs between models and pairs, so it is read from a first path, which leaves out what costs
    more than unrelated frames: the limit is what ``USUAL`` of its matches cost less than.
    """
    unrelated = float(np.median(cost))
    options: dict[str, Any] = {"band": band, "pins": pins, "step_penalty": STEP_PENALTY * unrelated}
    path = dtw(cost, open_ends=open_ends, skip_cost=unrelated, **options)
    if not open_ends:
        return path
    limit = max(float(np.quantile(cost[path.reference, path.query], USUAL)), CLOSE * unrelated)
    return dtw(cost, open_ends=True, skip_cost=limit, **options) if limit < unrelated else path


def _evidence(
    reference: VideoFrames, query: VideoFrames, cost: np.ndarray, path: WarpingPath, **options: float
) -> Evidence:
    rows, columns = reference.embedding[path.reference], query.embedding[path.query]
    size = np.linalg.norm(rows, axis=1) * np.linalg.norm(columns, axis=1)
    cosine = np.divide((rows * columns).sum(1), size, out=np.zeros_like(size), where=size > 0)
    return path_evidence(cost, path, cosine, **options)


def _time_map(
    reference: VideoFrames,
    query: VideoFrames,
    cost: np.ndarray,
    path: WarpingPath,
    probability: float,
    *,
    mode: Mode,
    pins: tuple[tuple[float, float], ...],
    notes: tuple[str, ...],
) -> TimeMap:
    return TimeMap(
        reference.video,
        query.video,
        reference.frame[path.reference],
        reference.time_s[path.reference],
        query.frame[path.query],
        query.time_s[path.query],
        cost[path.reference, path.query],
        match_confidence(cost, path, probability),
        probability,
        mode,
        pins=pins,
        notes=notes,
    )


def _thinned(reference: VideoFrames, query: VideoFrames) -> tuple[VideoFrames, VideoFrames, tuple[str, ...]]:
    for video in (reference, query):
        if not len(video.time_s):
            raise InputError(f"{video.video}: no embedded frames")
    every = int(np.ceil(np.sqrt(len(reference.time_s) * len(query.time_s) / MAX_CELLS)))
    if every == 1:
        return reference, query, ()
    note = f"long videos: every {every}. frame was matched"
    return _every(reference, every), _every(query, every), (note,)


def _every(video: VideoFrames, step: int) -> VideoFrames:
    return video._replace(
        frame=video.frame[::step], time_s=video.time_s[::step], embedding=video.embedding[::step], extra={}
    )


def _step_s(video: VideoFrames) -> float:
    return float(np.median(np.diff(video.time_s))) if len(video.time_s) > 1 else 1.0


def _frame_at(video: VideoFrames, time_s: float) -> int:
    slack = _step_s(video)
    if not video.time_s[0] - slack <= time_s <= video.time_s[-1] + slack:
        raise InputError(
            f"pin at {time_s:.3f} s: {video.video} runs from {video.time_s[0]:.3f} s to {video.time_s[-1]:.3f} s"
        )
    return int(np.abs(video.time_s - time_s).argmin())
