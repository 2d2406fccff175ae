"""Guillotine: the same probe at every layer, to see where to cut the network.

What follows the trained objective too closely forgets what it does not ask for: a layer further back often serves the
user better (Bordes et al. 2022, "Guillotine Regularization", who cut the projector; gains of 30 points). Which layer is
best depends on the task, so the probe is any evaluator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mvssl import config
from mvssl.errors import InputError
from mvssl.evaluation._checks import groups
from mvssl.evaluation._layers import LAST, layer_tables
from mvssl.evaluation._result import Result
from mvssl.frames import Frames
from mvssl.labels import Segments


class Guillotine:
    """One evaluator at every stored layer, and at the embedding.

    Args:
        probe: the evaluator, as in a configuration: ``{name: phase_classification, fraction: 0.1}``; default
            ``{name: phase_classification}``.
        metric: which of its numbers, where it has several; "" = the first it names.
    """

    def __init__(self, *, probe: dict[str, Any] | None = None, metric: str = ""):
        self.probe, self.metric = probe or {"name": "phase_classification"}, metric

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Value: the probe's metric by layer, the embedding last. Controls: those of the probe at the embedding.

        Layers are stored by embedding with ``layers=...``. ``details``: "best" layer, "gain" over the embedding,
        "metric", and "interval" and "width" (D) by layer.

        Raises:
            InputError: no stored layer; training videos with other layers; a metric that the probe does not have.
        """
        tables = layer_tables(frames)
        if len(tables) < 2:
            raise InputError(
                "guillotine compares layers and the table holds the embedding alone; embed with layers=..."
            )
        trained = None if train is None else layer_tables(train)
        if trained is not None and list(trained) != list(tables):
            raise InputError(f"training videos hold layers {list(trained)}, the others {list(tables)}")
        evaluator = config.build("mvssl.evaluation", self.probe, "guillotine.probe")
        results = {
            name: evaluator.evaluate(table, labels, None if trained is None else trained[name])
            for name, table in tables.items()
        }
        metric, value = self._metric({name: result.value for name, result in results.items()})
        best = max(value, key=lambda name: -np.inf if np.isnan(value[name]) else value[name])
        return Result(
            value=value,
            per_video={name: _of(result.per_video, metric) for name, result in results.items()},
            undefined=sum(result.undefined for result in results.values()),
            interval={name: _of(result.interval, metric) for name, result in results.items()},
            controls={name: _of(control, metric) for name, control in results[LAST].controls.items()},
            videos=results[LAST].videos or tuple(frames.ids),
            units=results[LAST].units or tuple(groups(frames)),
            details={
                "metric": metric,
                "best": best,
                "gain": value[best] - value[LAST],
                "width": {name: table[0].embedding.shape[1] for name, table in tables.items()},
                "undefined": results[LAST].details.get("undefined", "terms"),
            },
        )

    def _metric(self, values: dict[str, Any]) -> tuple[str, dict[str, float]]:
        last = values[LAST]
        if not isinstance(last, dict):
            if self.metric:
                raise InputError(
                    f"guillotine: metric {self.metric!r}: {self.probe['name']} gives one number; leave it out"
                )
            return self.probe["name"], values
        known = {str(key): key for key in last}
        if self.metric and self.metric not in known:
            raise InputError(f"guillotine: metric {self.metric!r} is not among {list(known)} of {self.probe['name']}")
        key = known[self.metric] if self.metric else next(iter(last))
        return str(key), {name: value[key] for name, value in values.items()}


def _of(thing: Any, metric: str) -> Any:
    """The part of a dict by metric that is of ``metric``; anything else as it is."""
    if isinstance(thing, dict):
        return next((value for key, value in thing.items() if str(key) == metric), None)
    return thing
