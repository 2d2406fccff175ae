"""Kendall's tau of nearest neighbours between videos: how well the order of time is kept.

For each ordered pair (i, j), i != j, each frame of video i goes to its nearest frame of video j; tau-b compares the
order of the frames with the order of their neighbours (Dwibedi et al. 2019, section 4.1, as they and CARL compute it).

    tau-b = (C - D) / sqrt(n0 (n0 - n1)),   n0 = n (n - 1) / 2,   n1 = pairs of frames with the same neighbour

The clock alone reaches about 1: tau says nothing without the clock's tau beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, checked_embeddings, groups, normalised_time
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.neighbours import nearest_between
from mvssl.statistics import interval_of_average, interval_of_pairs

_LONG = 500  # frames from which counting by bits is faster than by lags


def kendall_tau(
    embeddings: Sequence[np.ndarray], *, stride: int = 1, units: Sequence[Hashable] | None = None
) -> Result:
    """Mean tau-b over the ordered pairs of different videos.

    Args:
        embeddings: (T_i, D) of each video, frames in order of time. Equal distances go to the earliest frame.
        stride: every stride-th frame is used (published: 2 on Penn Action, 5 on Pouring).
        units: of each video, what it belongs to; None: every video is independent.

    Returns:
        value: mean over defined pairs. per_video: mean over the pairs whose frames are that video's. undefined: pairs
        without a tau (all neighbours the same frame, or fewer than two frames). details["pairs"]: (N, N), NaN on the
        diagonal and where undefined. interval: over units, each left out with all its pairs; NaN for fewer
        than three.

    Raises:
        InputError: fewer than two videos, or a broken embedding.
    """
    videos = [rows[::stride] for rows in checked_embeddings(embeddings)]
    if len(videos) < 2:
        raise InputError("Kendall's tau compares videos; got only one")
    pairs = _pair_taus(videos)
    np.fill_diagonal(pairs, np.nan)
    per_video = np.array([mean_defined(row) for row in pairs])
    num_pairs = len(videos) * (len(videos) - 1)
    return Result(
        value=mean_defined(pairs),
        per_video=per_video,
        undefined=num_pairs - int(np.isfinite(pairs).sum()),
        interval=interval_of_pairs(pairs, units=units, bounds=(-1.0, 1.0)),
        details={"pairs": pairs, "num_pairs": num_pairs, "undefined": "ordered pairs"},
    )


def _pair_taus(videos: list[np.ndarray]) -> np.ndarray:
    lengths = np.array([len(rows) for rows in videos])
    neighbour = nearest_between(videos)
    neighbour = neighbour.astype(np.int16 if lengths.max() < 2**15 else np.int32)
    ends = np.cumsum(lengths)
    return np.stack([tau_b(neighbour[end - length : end]) for end, length in zip(ends, lengths)])


def tau_b(neighbour: np.ndarray) -> np.ndarray:
    """tau-b of 0..n-1 against each column of ``neighbour`` (n, J), integers >= 0: (J,), NaN for a constant column."""
    n, num_columns = neighbour.shape
    # ties of each column: all columns counted at once, column c by the values from c * values on
    values = int(neighbour.max()) + 1
    equal = np.bincount((neighbour + values * np.arange(num_columns)).ravel(), minlength=values * num_columns)
    tied = (equal * (equal - 1) // 2).reshape(num_columns, values).sum(1)
    untied = (n * (n - 1) // 2 - tied).astype(np.float64)  # concordant and discordant
    # concordant pairs (the values rise) minus discordant ones = 2 rising - untied
    rising = _rising_by_lag(neighbour) if n <= _LONG else _rising_by_bit(neighbour)
    scale = np.sqrt(n * (n - 1) / 2 * untied)
    return np.divide(2 * rising - untied, scale, out=np.full(num_columns, np.nan), where=untied > 0)


def _rising_by_lag(neighbour: np.ndarray) -> np.ndarray:
    """Pairs of rows whose values rise, (J,): all pairs compared, lag after lag."""
    neighbour = np.ascontiguousarray(neighbour)
    # count (n, J) holds, for each row, with how many rows before it the value rises; eight bits, so it is emptied in time
    total = np.zeros(neighbour.shape[1], dtype=np.int64)
    count = np.zeros(neighbour.shape, dtype=np.uint8)
    rises = np.empty(neighbour.shape, dtype=bool)
    for lag in range(1, len(neighbour)):
        np.greater(neighbour[lag:], neighbour[:-lag], out=rises[lag:])
        np.add(count[lag:], rises[lag:].view(np.uint8), out=count[lag:])
        if lag % 255 == 0 or lag == len(neighbour) - 1:  # eight bits hold no more
            total += count.sum(0, dtype=np.int64)
            count[:] = 0
    return total


def _rising_by_bit(neighbour: np.ndarray) -> np.ndarray:
    """The same in n log n: each pair of different values is decided by the highest bit in which they differ.

    Among values with equal higher bits, in their order in time, a one after a zero rises.
    """
    # (J, n); stable sorting by ever more bits keeps the order in time within each group of equal higher bits
    values = np.ascontiguousarray(neighbour.T)
    place = np.arange(values.shape[1], dtype=np.int32)
    rising = np.zeros(len(values), dtype=np.int64)
    for bit in reversed(range(int(values.max()).bit_length())):
        order = np.argsort(values >> (bit + 1), axis=1, kind="stable")
        values = np.take_along_axis(values, order, axis=1)
        # zeros_before (J, n): zeros of this bit before each place, counted from the start of its own group
        group, one = values >> (bit + 1), (values >> bit) & 1
        zeros_before = place - (np.cumsum(one, axis=1, dtype=np.int32) - one)
        opens = np.diff(group, axis=1, prepend=-1) != 0
        zeros_before -= np.maximum.accumulate(np.where(opens, zeros_before, 0), axis=1)
        rising += (zeros_before * one).sum(1, dtype=np.int64)
    return rising


def _histogram(found: Mapping[str, Result]) -> list[int]:
    """Number of pairs in 40 equal bins of tau from -1 to 1."""
    taus = np.concatenate([np.zeros(0), *(result.details["pairs"].ravel() for result in found.values())])
    return np.histogram(taus[np.isfinite(taus)], bins=40, range=(-1, 1))[0].tolist()


class KendallTau:
    """Tau within each action (videos of the same ``label``), then the plain mean over actions.

    Args:
        stride: every stride-th frame.
    """

    def __init__(self, *, stride: int = 1):
        self.stride = stride

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Tau of the videos in ``frames``; labels and training videos are not used. Control: the normalised clock.

        Actions with one video have no pair and are left out (``details["actions_left_out"]``).
        """
        actions = {name: part for name, part in by_label(frames).items() if len(part) > 1}
        found = {
            name: kendall_tau(part.embeddings, stride=self.stride, units=groups(part)) for name, part in actions.items()
        }
        clock = [
            kendall_tau([normalised_time(v)[:, None] for v in part], stride=self.stride).value
            for part in actions.values()
        ]
        per_video = {v: x for name, part in actions.items() for v, x in zip(part.ids, found[name].per_video)}
        values = np.array([per_video.get(video, np.nan) for video in frames.ids])
        return Result(
            value=mean_defined([result.value for result in found.values()]),
            per_video=values,
            undefined=sum(result.undefined for result in found.values()),
            interval=interval_of_average([r.value for r in found.values()], [r.interval for r in found.values()]),
            controls={"time only": mean_defined(clock)},
            videos=tuple(frames.ids),
            units=tuple(groups(frames)),
            details={
                "per_action": {name: result.value for name, result in found.items()},
                "num_pairs": sum(result.details["num_pairs"] for result in found.values()),
                "histogram": _histogram(found),
                "actions_left_out": sorted(set(by_label(frames)) - set(actions)),
                "undefined": "ordered pairs",
            },
        )
