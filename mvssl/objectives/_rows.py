"""Rows of a loss: the clip features of every view, with absent ones marked, and the pairs of views."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import torch
from torch import Tensor

from ..errors import ConfigError, InputError
from ..types import Context, Dims, Features


def clip_rows(features: dict[str, Features], context: Context) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Clip features of every view (B, D), zero where absent, and whether each is present (B,).

    Zeros keep whatever stands in an absent row (also NaN) out of the gradient of the heads. They are no features: a
    loss selects the present rows, and batch norms get the mask.

    Raises:
        InputError: the encoder gave no clip features.
    """
    clips, present = {}, {}
    for name, view in features.items():
        if view.clip is None:
            raise InputError(f"view {name!r}: this objective needs clip features (N, D) and the encoder gave none")
        present[name] = context.views[name].present
        complete = bool(present[name].all())
        clips[name] = view.clip if complete else torch.where(present[name][:, None], view.clip, 0.0)
    return clips, present


def select(x: Tensor, rows: Tensor) -> Tensor:
    """``x[rows]`` for a mask (B,); ``x`` itself, without a copy, if it is all True."""
    return x if bool(rows.all()) else x[rows]


def clip_dims(dims: dict[str, Dims]) -> dict[str, int]:
    """Width of the clip features of every view."""
    return {name: view.clip for name, view in dims.items()}


def view_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """All pairs of views in the order of the configuration: losses of two views are averaged over them."""
    names = list(names)
    if len(names) < 2:
        raise ConfigError(f"views: this objective compares views and got {names}; configure at least two")
    return list(combinations(names, 2))
