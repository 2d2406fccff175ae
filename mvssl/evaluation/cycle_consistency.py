"""Cycle consistency between videos: to the nearest frame of another video and back, how far from where one began?

For each ordered pair (i, j), i != j, each frame of video i goes to its nearest frame of video j, and that one to its
nearest frame of video i; the error is the time between the frame and where it comes back to (Dwibedi et al. 2019,
section 3.1, whose loss asks for it; as a measure in seconds it is ours). It needs no labels.

An embedding that is a clock has hardly any error, and so has one that tells every frame apart in the same order: the
measure says that frames have partners, not that the partners are right. Read it beside one that knows the truth, such as
``warp_error``, and beside the clock's row.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, checked_embeddings, groups, normalised_time
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.neighbours import nearest_in_each
from mvssl.statistics import ERROR, SHARE, interval_of_average, interval_of_pairs


def cycle_consistency(
    embeddings: Sequence[np.ndarray],
    times: Sequence[np.ndarray],
    *,
    tolerance_s: float = 0.1,
    units: Sequence[Hashable] | None = None,
) -> Result:
    """Mean time between a frame and where it comes back to, over the ordered pairs of different videos.

    Args:
        embeddings: (T_i, D) of each video. Equal distances go to the earliest frame.
        times: (T_i,) seconds of each video.
        tolerance_s: "hit" is the share of the frames that come back this close.
        units: of each video, what it belongs to; None: every video is independent.

    Returns:
        value and per_video: "error_s" and "hit"; of a video: mean over its frames and over all other videos.
        controls["random frame"]: of coming back to a frame drawn at random. details["pairs"]: (N, N) error_s, NaN on the
        diagonal.

    Raises:
        InputError: fewer than two videos, a broken embedding, or times of another length.
    """
    videos = checked_embeddings(embeddings)
    if len(videos) < 2:
        raise InputError("cycle consistency goes from one video to another and back; got only one")
    clocks = [np.asarray(clock, dtype=np.float64) for clock in times]
    if [len(clock) for clock in clocks] != [len(rows) for rows in videos]:
        raise InputError("cycle consistency needs one time for each frame of each video")
    lengths = np.array([len(rows) for rows in videos])
    everything = np.concatenate(videos)
    there = np.split(nearest_in_each(everything, everything, lengths), np.cumsum(lengths)[:-1])
    error, hit = np.full((2, len(videos), len(videos)), np.nan)
    for i, clock in enumerate(clocks):
        for j in range(len(videos)):
            if i != j:
                back = there[j][there[i][:, j], i]
                apart = np.abs(clock[back] - clock)
                error[i, j], hit[i, j] = apart.mean(), (apart <= tolerance_s + 1e-9).mean()
    random = [np.abs(clock[:, None] - clock[None]).mean() for clock in clocks]
    random_hit = [(np.abs(clock[:, None] - clock[None]) <= tolerance_s + 1e-9).mean() for clock in clocks]
    per_video = {name: np.nanmean(pairs, axis=1) for name, pairs in (("error_s", error), ("hit", hit))}
    return Result(
        value={name: float(values.mean()) for name, values in per_video.items()},
        per_video=per_video,
        interval={
            "error_s": interval_of_pairs(error, units=units, bounds=ERROR),
            "hit": interval_of_pairs(hit, units=units, bounds=SHARE),
        },
        controls={"random frame": {"error_s": float(np.mean(random)), "hit": float(np.mean(random_hit))}},
        details={"pairs": error, "num_pairs": len(videos) * (len(videos) - 1), "tolerance_s": tolerance_s},
    )


class CycleConsistency:
    """Cycle consistency within each action (videos of the same ``label``), then the mean over videos.

    Args:
        tolerance_s: a frame that comes back this close is a hit.
    """

    def __init__(self, *, tolerance_s: float = 0.1):
        self.tolerance_s = tolerance_s

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: "error_s" and "hit". Controls: time only (normalised clock), random frame.

        Actions with one video have no pair and are left out (``undefined`` videos).

        Raises:
            InputError: no action with two videos.
        """
        actions = {name: part for name, part in by_label(frames).items() if len(part) > 1}
        if not actions:
            raise InputError("cycle consistency needs two videos of one action (of one label, or of none)")
        measured, clock = [], []
        for part in actions.values():
            times = [video.time_s for video in part]
            units = groups(part)
            measured.append(cycle_consistency(part.embeddings, times, tolerance_s=self.tolerance_s, units=units))
            normalised = [normalised_time(video)[:, None] for video in part]
            clock.append(cycle_consistency(normalised, times, tolerance_s=self.tolerance_s))
        row = {video: (k, i) for k, part in enumerate(actions.values()) for i, video in enumerate(part.ids)}

        def of_videos(name: str) -> np.ndarray:
            return np.array(
                [measured[row[v][0]].per_video[name][row[v][1]] if v in row else np.nan for v in frames.ids]
            )

        def over_videos(results: list[Result], control: str | None = None) -> dict[str, float]:
            tables = [result.controls[control] if control else result.value for result in results]
            return {name: float(np.average([t[name] for t in tables], weights=weights)) for name in ("error_s", "hit")}

        per_video = {name: of_videos(name) for name in ("error_s", "hit")}
        weights = [len(part) for part in actions.values()]
        return Result(
            value={name: mean_defined(values) for name, values in per_video.items()},
            per_video=per_video,
            undefined=len(frames) - len(row),
            interval={
                name: interval_of_average(
                    [r.value[name] for r in measured], [r.interval[name] for r in measured], weights=weights
                )
                for name in per_video
            },
            controls={"time only": over_videos(clock), "random frame": over_videos(measured, "random frame")},
            videos=tuple(frames.ids),
            units=tuple(groups(frames)),
            details={
                "num_pairs": sum(result.details["num_pairs"] for result in measured),
                "tolerance_s": self.tolerance_s,
                "undefined": "videos without another of their action",
            },
        )
