"""The contract of an objective, with the parts that most of them share."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from ..types import Context, Dims, Features, Needs


class Objective(nn.Module):
    """Base class: a subclass sets ``needs``, builds its parts in ``build`` and writes ``forward``.

    ``forward`` of every subclass runs outside autocast on features of at least float32, whatever the caller does:
    a loss in half precision loses the tails of its softmax.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in vars(cls):
            cls.forward = _in_full_precision(cls.forward)  # type: ignore[method-assign]

    @property
    def needs(self) -> Needs:
        """What this objective asks of the trained module."""
        raise NotImplementedError

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        """Makes heads, queues and banks. Called once, before optimiser, DDP and EMA exist.

        Args:
            dims: sizes of the features per view; the keys are the view names, in the order of the configuration.
            num_samples: size of the data set (rows of a memory bank).
        """

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        """``{"loss": scalar, ...}``: the mean over ranks of "loss" is that of the whole batch; the rest is logged."""
        raise NotImplementedError

    def after_step(self, context: Context) -> None:
        """Updates of queues and banks, after the optimiser's step."""

    def param_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser; a group may carry its own ``lr``, ``weight_decay`` or ``maximize``."""
        return [{"params": list(self.parameters())}]


def widen(features: Features) -> Features:
    """The same features in at least float32."""
    frame, clip, maps = features
    return Features(_wide(frame), _wide(clip), {name: _wide(value) for name, value in maps.items()})


def _wide(x: Any) -> Any:
    return x.float() if x is not None and x.itemsize < 4 else x


def _in_full_precision(forward: Any) -> Any:
    @wraps(forward)
    def wrapped(self: Objective, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        device = next(iter(context.views.values())).time_s.device.type
        with torch.autocast(device, enabled=False):
            target, frozen = _widen_all(context.target), _widen_all(context.frozen)
            wide = {name: widen(value) for name, value in features.items()}
            return forward(self, wide, context._replace(target=target, frozen=frozen))

    return wrapped


def _widen_all(features: dict[str, Features] | None) -> dict[str, Features] | None:
    return None if features is None else {name: widen(value) for name, value in features.items()}
