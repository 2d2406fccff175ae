"""Offset between cameras of one session, each cut independently, estimated from the embeddings alone.

For each pair the offset is the shift of the query against the reference at which the frames shown together are closest
(mean Euclidean distance over the overlap, at least a quarter of the shorter video, on the finer of the two frame
steps).
"""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import groups
from mvssl.evaluation._matching import pairs_of_one_take, source_times
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.series import median_step
from mvssl.statistics import ERROR, interval_of_mean


def estimate_offset(
    query: np.ndarray, reference: np.ndarray, query_time_s: np.ndarray, reference_time_s: np.ndarray
) -> float:
    """Seconds to add to the query's clock so that it shows the same instants as the reference.

    Args:
        query, reference: (M, D), (N, D) embeddings.
        query_time_s, reference_time_s: (M,), (N,) each on its own clock, rising.

    Raises:
        InputError: a video of one frame.
    """
    from scipy.spatial.distance import cdist

    if len(query_time_s) < 2 or len(reference_time_s) < 2:
        raise InputError("an offset needs two frames in each video")
    step_s = min(median_step(query_time_s), median_step(reference_time_s))
    rows, columns = _grid(reference_time_s, step_s), _grid(query_time_s, step_s)
    distance = cdist(reference[rows], query[columns])
    least = max(1, min(len(rows), len(columns)) // 4)
    shifts = range(least - len(columns), len(rows) - least + 1)
    costs = [
        np.trace(distance, -shift) / min(len(rows) - max(shift, 0), len(columns) + min(shift, 0)) for shift in shifts
    ]
    best = shifts[int(np.argmin(costs))]
    return float(reference_time_s[0] - query_time_s[0] + best * step_s)


def _grid(time_s: np.ndarray, step_s: float) -> np.ndarray:
    """Rows shown at the points of a regular grid from the first time on."""
    points = np.arange(time_s[0], time_s[-1] + step_s / 2, step_s)
    return np.clip(np.searchsorted(time_s, points + step_s / 2) - 1, 0, len(time_s) - 1)


class Offsets:
    """Error of the estimated offset over pairs of cameras of one session, cut independently.

    Rows show ``extra["source_time_s"]`` (absent: ``time_s``), as for ``warp_error``; uncut, the clock has no error. A
    version that is paused, slowed or has a piece repeated or removed has no single offset: its pairs are left out and
    counted.

    Args:
        within_s: "within" is the share of the pairs whose error is at most this.
    """

    def __init__(self, *, within_s: float = 0.1):
        self.within_s = within_s

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "mean_s", "median_s", "within". Control: time only = both cuts taken to start together.

        Raises:
            InputError: no session with two cameras.
        """
        every = list(pairs_of_one_take(frames))
        plain = [not _is_warped(video) for video in frames]
        pairs = [(i, j) for i, j in every if plain[i] and plain[j]]
        if not pairs:
            raise InputError("offsets need sessions with two cameras; name the session of each video in the index")
        error, together = [], []
        for i, j in pairs:
            query, reference = frames[i], frames[j]
            own, other = query.time_s - query.time_s[0], reference.time_s - reference.time_s[0]
            truth = float(np.median(source_times(query) - own) - np.median(source_times(reference) - other))
            error.append(abs(estimate_offset(query.embedding, reference.embedding, own, other) - truth))
            together.append(abs(truth))
        by_query = np.array([i for i, _ in pairs])
        values = np.array([mean_defined(np.array(error)[by_query == i]) for i in range(len(frames))])
        units = tuple(groups(frames))
        return Result(
            value=_summary(np.array(error), self.within_s),
            per_video={"mean_s": values},
            undefined=len(every) - len(pairs),
            interval={"mean_s": interval_of_mean(values, units=units, bounds=ERROR)},
            controls={"time only": _summary(np.array(together), self.within_s)},
            videos=tuple(frames.ids),
            units=units,
            details={
                "num_pairs": len(pairs),
                "within_s": self.within_s,
                "undefined": "pairs with a version that has no single offset",
            },
        )


def _is_warped(video: VideoFrames) -> bool:
    """Whether the rows do not show the source at its own speed: then no single offset is right."""
    shift = source_times(video) - video.time_s
    step_s = median_step(video.time_s)
    return bool(np.ptp(shift) > step_s / 2 + 1e-6)


def _summary(error: np.ndarray, within_s: float) -> dict[str, float]:
    within = float((error <= within_s).mean())
    return {"mean_s": float(error.mean()), "median_s": float(np.median(error)), "within": within}
