"""Alignment error at labelled moments, where no truth for every frame exists: other sessions of the same action.

A key moment is the first frame of a phase. For a pair of videos, a moment that both have is moved from the query to the
reference by nearest neighbour, by dynamic time warping of the rows as they are, and by ``mvssl.alignment.align`` as the
command does it ("aligned"); the error is |time found - time labelled| in seconds. The phase error is the share of the query's
labelled frames that land on a frame of another phase.
"""

from __future__ import annotations

import numpy as np

from mvssl.alignment import align
from mvssl.alignment.linear import span_s
from mvssl.alignment.time_map import on_line
from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, groups, normalised_time
from mvssl.evaluation._matching import METHODS, clock_times, matched_times
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.statistics import ERROR, SHARE, interval_of_pairs

WAYS = (*METHODS, "aligned")


def moments_of(segments: Segments, video: str) -> dict[str, float]:
    """First time of each phase that begins within the video (the phase that it opens with has no moment)."""
    rows = segments.get(video, [])
    first: dict[str, float] = {}
    for row in rows[1:]:
        first.setdefault(row.label, row.start_s)
    return {label: start for label, start in first.items() if label != rows[0].label}


class KeyMoments:
    """Key-moment and phase error over ordered pairs of videos of one action (same ``label``), other sessions and
    groups.

    Args:
        num_pairs: pairs drawn (all, if there are fewer).
        seed: of the draw.
    """

    def __init__(self, *, num_pairs: int = 300, seed: int = 0):
        self.num_pairs, self.seed = num_pairs, seed

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "nearest_s", "dtw_s", "aligned_s" (mean over moments, over pairs), and "..._phase_error" of each.

        undefined: moments of the query that the reference lacks. Controls: time only (same share of the duration), and the
        linear map (first frame to first frame, last to last).

        Raises:
            InputError: no labels, or no pair of videos.
        """
        if labels is None:
            raise InputError("key moments need labels")
        pairs = pairs_of_one_action(frames)
        if not pairs:
            raise InputError("key moments need two videos of one action from different sessions and groups")
        if len(pairs) > self.num_pairs:
            drawn = np.random.default_rng(self.seed).choice(len(pairs), self.num_pairs, replace=False)
            pairs = [pairs[int(i)] for i in np.sort(drawn)]

        rows = ("measured", "time only", "linear map")
        errors: dict[str, dict[str, list[float]]] = {
            row: {f"{way}_{error}": [] for error in ("s", "phase_error") for way in WAYS} for row in rows
        }
        missing = 0
        for query, reference in pairs:
            own, other = moments_of(labels, query.video), moments_of(labels, reference.video)
            both = [label for label in own if label in other]
            missing += len(own) - len(both)
            at = [int(np.argmin(np.abs(query.time_s - own[label]))) for label in both]
            truth = np.array([other[label] for label in both])
            phase = labels.at(query.video, query.time_s)
            located = _found(query, reference, centre=not frames.metadata.get("centred"))
            for way in WAYS:
                for row in rows:
                    times = located[way if row == "measured" else row]
                    landed = labels.at(reference.video, times)
                    judged = (phase != "") & (landed != "")
                    errors[row][f"{way}_s"].append(mean_defined(np.abs(times[at] - truth)))
                    errors[row][f"{way}_phase_error"].append(mean_defined((phase != landed)[judged]))
        measured = errors.pop("measured")
        place = {video: i for i, video in enumerate(frames.ids)}
        cells = tuple(np.array([[place[query.video], place[reference.video]] for query, reference in pairs]).T)
        tables = {name: np.full((len(frames), len(frames)), np.nan) for name in measured}
        for name, values in measured.items():
            tables[name][cells] = values
        units = tuple(groups(frames))
        return Result(
            value={name: mean_defined(values) for name, values in measured.items()},
            per_video={name: np.array([mean_defined(of) for of in table]) for name, table in tables.items()},
            undefined=missing,
            interval={
                name: interval_of_pairs(table, units=units, bounds=SHARE if name.endswith("error") else ERROR)
                for name, table in tables.items()
            },
            controls={
                row: {name: mean_defined(values) for name, values in measures.items()}
                for row, measures in errors.items()
            },
            videos=tuple(frames.ids),
            units=units,
            details={"num_pairs": len(pairs), "undefined": "moments that the reference lacks"},
        )


def _found(query: VideoFrames, reference: VideoFrames, *, centre: bool) -> dict[str, np.ndarray]:
    """(M,) the reference time of each query frame, by every way and control."""
    known = reference.time_s
    times: dict[str, np.ndarray] = {m: matched_times(query.embedding, reference.embedding, known, m) for m in METHODS}
    times["aligned"] = align(reference, query, centre=centre).to_reference(query.time_s, extend=True)
    times["time only"] = clock_times(normalised_time(query), normalised_time(reference), known)
    times["linear map"] = on_line(query.time_s, span_s(query), span_s(reference), ())
    return {name: np.clip(found, known[0], known[-1]) for name, found in times.items()}


def pairs_of_one_action(frames: Frames) -> list[tuple[VideoFrames, VideoFrames]]:
    """Ordered pairs of videos of one ``label`` from different sessions and groups."""
    return [
        (query, reference)
        for part in by_label(frames).values()
        for query in part
        for reference in part
        if query.video != reference.video and _apart(query, reference)
    ]


def _apart(a: VideoFrames, b: VideoFrames) -> bool:
    return not (a.session and a.session == b.session) and not (a.group and a.group == b.group)
