"""Samples side by side: the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mvssl.errors import InputError, VideoError
from mvssl.types import Batch, Clip, ClipRequest, View
from mvssl.views import PARAMETERS, Drawn


class Sample(NamedTuple):
    """One sample: its views as numpy arrays without the axis B."""

    views: dict[str, View]
    sample: int
    label: int
    video_rows: tuple[int, ...]  # one per view; -1 = absent
    problem: VideoError | None = None  # why it could not be read


def view_of(pixels: np.ndarray, time_s: np.ndarray, mask: np.ndarray | None, drawn: Drawn) -> View:
    """A view of one sample.

    Args:
        time_s: (T,) of the frames shown.
        mask: (T,) bool; None = all True.
    """
    mask = np.ones(len(time_s), dtype=bool) if mask is None else np.asarray(mask)
    params = drawn.columns(mean_step_s(time_s, mask))
    return _view(pixels, time_s, mask, True, np.array(drawn.box, dtype=np.float32), params)


def mean_step_s(time_s: np.ndarray, mask: np.ndarray) -> float:
    """Mean time between consecutive valid frames, the column ``step_s`` of the parameters; 0 where there are fewer than two."""
    valid = time_s[mask]
    return float(valid[-1] - valid[0]) / (len(valid) - 1) if len(valid) > 1 else 0.0


def shown_s(request: ClipRequest, clip: Clip) -> np.ndarray:
    """(T,) presentation times of the frames shown at the instants themselves, their neighbours left aside."""
    return clip.time_s[:, int(np.argmin(np.abs(request.offsets_s)))]


def absent_view(pixels: np.ndarray) -> View:
    """A view that this sample has not: all zero, nowhere valid, present = False."""
    zeros = np.zeros(len(pixels))
    params = np.zeros(len(PARAMETERS), dtype=np.float32)
    return _view(pixels, zeros, zeros.astype(bool), False, np.zeros(4, dtype=np.float32), params)


def collate(samples: Sequence[Sample]) -> tuple[Batch, list[VideoError]]:
    """Rows of a batch, and the problems of samples that could not be read.

    Views whose samples share their pixels (luminance and chroma, say) share one tensor in the batch too.

    Raises:
        InputError: two samples have different views.
    """
    first = samples[0]
    for sample in samples:
        if list(sample.views) != list(first.views):
            raise InputError(
                f"collate: samples {first.sample} and {sample.sample} have different views: {list(first.views)} and "
                f"{list(sample.views)}"
            )
    shared: dict[tuple[int, ...], torch.Tensor] = {}
    views = {}
    for name in first.views:
        parts = [sample.views[name] for sample in samples]
        key = tuple(id(part.pixels) for part in parts)
        if key not in shared:
            shared[key] = _stack_pixels([part.pixels for part in parts])
        views[name] = View(shared[key], *(torch.from_numpy(np.stack(column)) for column in list(zip(*parts))[1:]))
    batch = Batch(
        views,
        torch.tensor([sample.sample for sample in samples]),
        torch.tensor([sample.label for sample in samples]),
        torch.tensor([sample.video_rows for sample in samples]),
    )
    return batch, [sample.problem for sample in samples if sample.problem is not None]


def _view(pixels: Any, time_s: Any, mask: Any, present: Any, box: Any, params: Any) -> View:
    return View(pixels, time_s, mask, np.asarray(present), box, params)  # type: ignore[arg-type]


def _stack_pixels(parts: Sequence[Any]) -> torch.Tensor:
    """(B, T, K, C, H, W), or (B, T, F); pictures keep their channels last in memory."""
    if parts[0].ndim != 5 or parts[0].shape[2] != 3:
        return torch.from_numpy(np.stack(parts))
    return torch.from_numpy(np.stack([part.transpose(0, 1, 3, 4, 2) for part in parts])).permute(0, 1, 2, 5, 3, 4)
