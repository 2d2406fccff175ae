"""``align``: the time map from a query video to a reference video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from mvssl.dtw import WarpingPath, cosine_cost, subsequence_dtw
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.series import median_step

from .confidence import IMAGENET, Calibration, Evidence, match_confidence, pair_probability, path_evidence
from .direction import backwards
from .linear import span_s, unevenness
from .movement import nothing_moves
from .time_map import TimeMap
from .warping import STEP_PENALTY, Ends, warped

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
    ends: Ends = "auto",
    tempo: float = 1.0,
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
        ends: may a video begin or end in the midst of the other? "closed": first frames belong together, and last ones.
            "open": where an end costs more than the matches do it is left out, and not in the map. "auto": open where the
            evidence is strong; see ``warped``.
        tempo: how much an even tempo is preferred: 1 as chosen on real pairs (strong only where the videos have little in
            common), 0 not at all, higher is straighter ("dtw" only).
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
            "ends": ends,
            "tempo": tempo,
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
    uneven = unevenness(reference, query, pins=pins)
    doubts = nothing_moves(reference, query) or backwards(cost, query.video)
    if mode == "nearest":
        if pins:
            raise InputError("pins need the order of time: use mode 'dtw'")
        path = WarpingPath(np.arange(len(cost)), cost.argmin(1), float(cost.min(1).mean()))
        matched = warped(cost, uneven, ends=ends, tempo=tempo).path  # for the evidence: order tells more
    elif mode == "dtw":
        cells = [(_frame_at(reference, ref_s), _frame_at(query, query_s)) for ref_s, query_s in sorted(pins)]
        band = None if band_s is None else max(1, round(band_s / median_step(query.time_s, alone=1.0)))
        path, words = warped(cost, uneven, ends=ends, tempo=tempo, band=band, pins=cells)
        matched, notes = path, notes + words
    else:
        raise InputError(f"mode {mode!r}: known are 'dtw' and 'nearest'")
    seen = cost if centre else cost_matrix(reference, query)  # the curves were fitted on centred costs
    evidence = _evidence(reference, query, seen, matched)
    return _time_map(
        reference,
        query,
        cost,
        path,
        evidence,
        calibration,
        mode=mode,
        pins=tuple(sorted(pins)),
        notes=notes,
        doubts=doubts,
    )


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
    doubts = nothing_moves(reference, query) or backwards(cost, query.video, part=True)
    unrelated = float(np.median(cost))
    paths = subsequence_dtw(cost, num_paths=max_repetitions, max_cost=unrelated, step_penalty=STEP_PENALTY * unrelated)
    evidence = [_evidence(reference, query, cost, path, covered=1.0) for path in paths]
    maps = [  # the straight line of a place is that of the place, not of the whole query
        replace(
            _time_map(
                reference, query, cost, path, value, calibration,
                mode="dtw", pins=(), notes=notes, doubts=doubts,
            ),
            query_span_s=None,
        )
        for path, value in zip(paths, evidence)
        if value.contrast >= 0.5 * max(one.contrast for one in evidence)
    ]  # fmt: skip
    return sorted((m for m in maps if m.looks_alike), key=lambda m: float(m.query_time_s[0]))


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
    evidence: Evidence,
    calibration: Calibration,
    *,
    mode: Mode,
    pins: tuple[tuple[float, float], ...],
    notes: tuple[str, ...],
    doubts: Sequence[str],
) -> TimeMap:
    probability = pair_probability(evidence, calibration)
    if (
        doubts
    ):  # a picture is like any action that passes through it, and so is an action undone: no evidence either way
        probability = min(probability, 0.5)
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
        notes=(*notes, *doubts),
        ref_span_s=span_s(reference),
        query_span_s=span_s(query),
        calibrated=calibration.covers(evidence),
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


def _frame_at(video: VideoFrames, time_s: float) -> int:
    slack = median_step(video.time_s, alone=1.0)
    if not video.time_s[0] - slack <= time_s <= video.time_s[-1] + slack:
        raise InputError(
            f"pin at {time_s:.3f} s: {video.video} runs from {video.time_s[0]:.3f} s to {video.time_s[-1]:.3f} s"
        )
    return int(np.abs(video.time_s - time_s).argmin())
