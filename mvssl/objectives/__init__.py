"""What an encoder is trained for. One file per objective; the file name is the name in the configuration.

An objective sees features and never pixels. Its keyword-only constructor parameters are what a configuration may set;
``build(dims, num_samples)`` makes its heads and queues; ``needs`` says what it wants from the trained module;
``forward(features, context)`` returns ``{"loss": scalar, **terms to log}``; ``after_step(context)`` and
``param_groups()`` complete the contract (``_objective.py``).
"""

from __future__ import annotations

from .. import config
from ._bank import Bank
from ._ema import without_draws
from ._members import per_member
from ._objective import Objective
from ._queue import Queue

AFTER_STEP = (Queue, Bank)  # parts whose buffers change in ``after_step`` alone, never in ``forward``

__all__ = ["AFTER_STEP", "Objective", "get", "names", "per_member", "without_draws"]


def names() -> list[str]:
    """Names of all objectives, sorted: the files of this folder that do not start with an underscore."""
    return config.component_names(__name__)


def get(name: str) -> type[Objective]:
    """The class of an objective, e.g. ``get("carl")(temperature=0.2)``.

    Raises:
        InputError: there is no such file; the message lists the known names and the nearest.
    """
    return config.component_class(__name__, name, "objective")
