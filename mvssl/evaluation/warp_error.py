"""Alignment error in seconds where the truth is known: the same instant seen by another camera, or by a cut copy.

For each ordered pair of versions of one session, each query frame is matched to a reference time, by nearest neighbour
and by dynamic time warping; the error is |time found - time shown|. A query frame whose instant the reference does not
show has no partner: it is left out and counted. The versions have to be cut independently: uncut, the clock alone has
no error.

Table of versions: one ``VideoFrames`` each, ``session`` = the session (for versions of a single video: its id), and
``extra["source_time_s"]`` (T, 1) = the instant of the source that a row shows (absent: ``time_s``); ``offset_s`` is
added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mvssl.alignment.linear import span_s
from mvssl.alignment.time_map import on_line
from mvssl.errors import InputError
from mvssl.evaluation._checks import checked_embeddings, groups, normalised_time
from mvssl.evaluation._matching import METHODS, clock_times, matched_times, pairs_of_one_take, source_times
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.series import median_step
from mvssl.statistics import ERROR, interval_of_mean


def warp_error(
    queries: Sequence[np.ndarray],
    references: Sequence[np.ndarray],
    query_times: Sequence[np.ndarray],
    reference_times: Sequence[np.ndarray],
    *,
    method: Literal["nearest", "dtw"] = "dtw",
    tolerance_s: float | None = None,
) -> Result:
    """Mean error in seconds over pairs of versions.

    Args:
        queries, references: (M_i, D) and (N_i, D) of each pair.
        query_times, reference_times: (M_i,) and (N_i,) seconds on the common clock: the instants that the rows show.
        method: "nearest" or "dtw".
        tolerance_s: a query frame has a partner if the reference shows an instant this close; None: half of the
            reference's median step.

    Returns:
        value: mean over pairs of the mean over frames. per_video: of each pair. undefined: query frames without a
        partner. controls["random frame"]: the error of a reference frame drawn at random. details: "num_frames" used,
        "median" over frames.
    """
    queries, references = checked_embeddings(queries), checked_embeddings(references)
    per_pair, random, everything, left_out = [], [], [], 0
    for query, reference, shown, known in zip(queries, references, query_times, reference_times, strict=True):
        partner = _has_partner(shown, known, tolerance_s)
        left_out += int((~partner).sum())
        error = np.abs(matched_times(query, reference, known, method) - shown)[partner]
        everything.append(error)
        per_pair.append(mean_defined(error))
        random.append(mean_defined([np.abs(known - time).mean() for time in shown[partner]]))
    return Result(
        value=mean_defined(per_pair),
        per_video=np.array(per_pair),
        undefined=left_out,
        interval=interval_of_mean(np.array(per_pair), bounds=ERROR),
        controls={"random frame": mean_defined(random)},
        details={
            "num_frames": sum(map(len, everything)),
            "median": float(np.median(np.concatenate(everything))) if any(map(len, everything)) else float("nan"),
            "undefined": "frames without a partner",
        },
    )


def _has_partner(shown: np.ndarray, known: np.ndarray, tolerance_s: float | None) -> np.ndarray:
    times = np.unique(known)
    if tolerance_s is None:
        tolerance_s = median_step(times) / 2
    after = np.clip(np.searchsorted(times, shown), 1, max(len(times) - 1, 1))
    gap = np.minimum(np.abs(times[after - 1] - shown), np.abs(times[np.minimum(after, len(times) - 1)] - shown))
    return gap <= tolerance_s + 1e-6


class WarpError:
    """Error in seconds between all versions of each session in a table (see the module for its format).

    Args:
        tolerance_s: when a frame has a partner; None: half of the reference's median step.
    """

    def __init__(self, *, tolerance_s: float | None = None):
        self.tolerance_s = tolerance_s

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "nearest_s" and "dtw_s". Controls: time only (normalised clocks of the versions), the linear map (one
        stretched onto the other, first frame to first and last to last), a random frame.

        Raises:
            InputError: no two versions of one session in the table.
        """
        pairs = list(pairs_of_one_take(frames))
        if not pairs:
            raise InputError(
                "warp_error needs two versions or cameras of a session; embed cut copies or name the sessions"
            )
        shown, clock = [source_times(v) for v in frames], [normalised_time(v) for v in frames]
        queries, references = [frames[i].embedding for i, _ in pairs], [frames[j].embedding for _, j in pairs]
        query_times, reference_times = [shown[i] for i, _ in pairs], [shown[j] for _, j in pairs]
        found = {
            method: warp_error(
                queries, references, query_times, reference_times, method=method, tolerance_s=self.tolerance_s
            )
            for method in METHODS
        }
        time_only = [
            mean_defined(
                np.abs(clock_times(clock[i], clock[j], shown[j]) - shown[i])[
                    _has_partner(shown[i], shown[j], self.tolerance_s)
                ]
            )
            for i, j in pairs
        ]
        linear = [
            mean_defined(
                np.abs(_linear_times(frames[i], frames[j], shown[j]) - shown[i])[
                    _has_partner(shown[i], shown[j], self.tolerance_s)
                ]
            )
            for i, j in pairs
        ]
        by_query = np.array([i for i, _ in pairs])
        per_video = {
            f"{method}_s": np.array([mean_defined(result.per_video[by_query == i]) for i in range(len(frames))])
            for method, result in found.items()
        }
        units = tuple(groups(frames))
        first = found["nearest"]
        return Result(
            value={f"{method}_s": result.value for method, result in found.items()},
            per_video=per_video,
            undefined=first.undefined,
            interval={name: interval_of_mean(v, units=units, bounds=ERROR) for name, v in per_video.items()},
            controls={
                "time only": dict.fromkeys(per_video, mean_defined(time_only)),
                "linear map": dict.fromkeys(per_video, mean_defined(linear)),
                "random frame": dict.fromkeys(per_video, first.controls["random frame"]),
            },
            videos=tuple(frames.ids),
            units=units,
            details={
                "num_pairs": len(pairs),
                "num_frames": first.details["num_frames"],
                "median": {f"{method}_s": result.details["median"] for method, result in found.items()},
                "undefined": "frames without a partner",
            },
        )


def _linear_times(query: VideoFrames, reference: VideoFrames, shown: np.ndarray) -> np.ndarray:
    """(M,) the instants that the reference shows where the straight line leads."""
    return np.interp(on_line(query.time_s, span_s(query), span_s(reference), ()), reference.time_s, shown)
