"""Parts of a table: fractions of the training videos, and results of several actions put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, groups
from mvssl.evaluation._result import Result, mean_defined
from mvssl.frames import Frames
from mvssl.statistics import interval_of_average


def draw_videos(frames: Frames, fraction: float, generator: np.random.Generator) -> Frames:
    """A share of the videos, drawn within each action (``label``): max(1, round(fraction x number)) of each."""
    if not 0 < fraction <= 1:
        raise InputError(f"fraction of the training videos must lie in (0, 1], got {fraction}")
    if fraction == 1:
        return frames
    kept = []
    for part in by_label(frames).values():
        number = max(1, round(fraction * len(part)))
        kept += [part[int(i)] for i in generator.choice(len(part), number, replace=False)]
    return Frames(kept, frames.metadata)


def merged(results: dict[str, Result], parts: dict[str, Frames], frames: Frames) -> Result:
    """Results of parts of a table (actions) as one: values are averaged over parts, videos put in the table's order.

    A single part keeps its interval and details; the intervals of several become that of their average.
    """
    first = next(iter(results.values()))
    order = {video: (name, i) for name, part in parts.items() for i, video in enumerate(part.ids)}
    per_video = {
        key: np.array([results[order[v][0]].per_video[key][order[v][1]] for v in frames.ids]) for key in first.per_video
    }
    several = len(results) > 1
    interval = {
        key: interval_of_average([r.value[key] for r in results.values()], [r.interval[key] for r in results.values()])
        for key in first.interval
    }
    return Result(
        value={key: mean_defined([result.value[key] for result in results.values()]) for key in first.value},
        per_video=per_video,
        undefined=sum(result.undefined for result in results.values()),
        interval=interval if several else first.interval,
        controls={
            name: {key: mean_defined([r.controls[name][key] for r in results.values()]) for key in values}
            for name, values in first.controls.items()
        },
        videos=tuple(frames.ids),
        units=tuple(groups(frames)),
        details=_details(results, order, frames) if several else first.details,
    )


def _details(results: dict[str, Result], order: dict[str, tuple[str, int]], frames: Frames) -> dict[str, Any]:
    details: dict[str, Any] = {"per_action": {name: result.value for name, result in results.items()}}
    if all("predictions" in result.details for result in results.values()):
        places = [order[video] for video in frames.ids]
        details["predictions"] = [results[name].details["predictions"][i] for name, i in places]
    return details
