"""Frame embeddings of an objective: projected, of unit length, with the frames that count and their times."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ConfigError, InputError
from ..types import Context, Dims, Features, ViewInfo
from ._heads import Head

Projection = Literal["mlp", "none"]


class ViewFrames(NamedTuple):
    """One view of the batch as a frame-wise loss sees it."""

    z: Tensor  # (B, T, D)
    time_s: Tensor  # (B, T) float64, on the clock of the session
    valid: Tensor  # (B, T) bool: a frame of the video, of a view that is present
    duration_s: Tensor | None = None  # (B,)
    position: Tensor | None = None  # (B, T) float64: time on the video's own clock / duration of the video


def frame_dim(dims: dict[str, Dims], objective: str) -> int:
    """The frame dimension that all views share; one head serves them all."""
    sizes = {name: value.frame for name, value in dims.items()}
    if len(set(sizes.values())) != 1:
        raise ConfigError(f"{objective}: all views need the same frame dimension, got {sizes}; use one encoder for all")
    return next(iter(sizes.values()))


def frames_of(
    features: dict[str, Features],
    context: Context,
    head: Head | nn.ModuleDict | None = None,
    *,
    normalise: bool = True,
) -> dict[str, ViewFrames]:
    """Frame embeddings per view: through the head (one for all, or one per view, or none), L2-normalised (if wanted).

    Raises:
        InputError: the encoder gave no frame features.
    """
    valid = {name: context.views[name].mask & context.views[name].present[:, None] for name in features}
    x = {}
    for name, value in features.items():
        if value.frame is None:
            raise InputError(f"view {name!r}: this objective needs frame features (N, T, D) and the encoder gave none")
        x[name] = value.frame
    if isinstance(head, nn.ModuleDict):
        x = {name: head[name](value, valid[name]) for name, value in x.items()}
    elif head is not None:
        x = _project(x, valid, head)
    return {
        name: _frames(F.normalize(x[name], dim=-1) if normalise else x[name], valid[name], context.views[name])
        for name in features
    }


def positions(view: ViewFrames, objective: str) -> tuple[Tensor, Tensor]:
    """Normalised times (B, T), and the durations (B,) that they are relative to.

    Raises:
        InputError: the durations of the videos are not known.
    """
    if view.position is None or view.duration_s is None:
        raise InputError(f"{objective}: needs duration_s of every view, for times relative to the length of the video")
    return view.position, view.duration_s


def _frames(z: Tensor, valid: Tensor, info: ViewInfo) -> ViewFrames:
    time_s = info.time_s.double()
    duration_s = None if info.duration_s is None else info.duration_s.double()
    position = None if duration_s is None else time_s / duration_s[:, None]
    return ViewFrames(
        z, time_s if info.offset_s is None else time_s + info.offset_s.double()[:, None], valid, duration_s, position
    )


def _project(x: dict[str, Tensor], valid: dict[str, Tensor], head: Head) -> dict[str, Tensor]:
    """All views through the head at once, so that they share the statistics of its batch norm."""
    shapes = [value.shape[:2] for value in x.values()]
    rows = torch.cat([value.flatten(0, 1) for value in x.values()])
    flags = torch.cat([value.flatten() for value in valid.values()])
    out = head(rows[None], flags[None])[0].split([b * t for b, t in shapes])
    return {name: part.unflatten(0, shape) for (name, part), shape in zip(zip(x, out), shapes, strict=True)}
