"""What every evaluator returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mvssl.brief import brief_repr

Value = Any  # one number, or a dict of numbers by k or by name


@dataclass(frozen=True)
class Result:
    """A metric, how sure it is, and what it is worth.

    Attributes:
        value: the metric; a dict where one evaluation gives several (by k, or by name).
        per_video: the metric of each video, (N,) in the order of the input, NaN where it is undefined; a dict of such
            arrays where ``value`` is a dict. None where the metric has no value per video.
        undefined: how many terms (pairs, videos, frames: see ``details["undefined"]``) have no defined value and are in
            no mean.
        interval: 95 % interval over units (``mvssl.statistics``), same structure as ``value``.
        controls: the same metric of things that have learned nothing (majority, time only, chance), by name.
        videos: ids of the videos of ``per_video``.
        units: of each of them, what it belongs to (its group, else its session, else itself): what is independent.
        details: further numbers: per class, per pair, counts.
    """

    value: Value
    per_video: Any = None
    undefined: int = 0
    interval: Any = None
    controls: dict[str, Value] = field(default_factory=dict)
    videos: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return brief_repr(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings; NaN as None, for results.json."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Result:
        """The result that ``to_dict`` has written: the same numbers; tuples and arrays of ``details`` are lists."""
        read = {name: _number(value) for name, value in stored.items()}
        per_video = read["per_video"]
        if isinstance(per_video, dict):
            read["per_video"] = {name: np.array(values, dtype=np.float64) for name, values in per_video.items()}
        elif isinstance(per_video, list):
            read["per_video"] = np.array(per_video, dtype=np.float64)
        for name in ("per_video", "interval"):
            read[name] = None if stored[name] is None else read[name]
        return cls(**{**read, "videos": tuple(stored["videos"]), "units": tuple(stored.get("units", ()))})


def _plain(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, np.ndarray):
        return _plain(thing.tolist())
    if isinstance(thing, (list, tuple)):
        return [_plain(value) for value in thing]
    if isinstance(thing, np.generic):
        return _plain(thing.item())
    if isinstance(thing, float) and not np.isfinite(thing):
        return None
    return thing


def _number(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _number(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [_number(value) for value in thing]
    return float("nan") if thing is None else thing


def mean_defined(values: Any) -> float:
    """Mean of the defined (finite) values; NaN if there is none."""
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    return float(array.mean()) if len(array) else float("nan")
