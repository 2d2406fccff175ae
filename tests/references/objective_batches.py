"""Hand-made features and contexts for the tests of objectives, and the inputs of the golden values."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from mvssl.types import Context, Dims, Features, ViewInfo


def info(time_s: Tensor, mask: Tensor | None = None, **more) -> ViewInfo:
    """A view of which only times and mask matter."""
    b = len(time_s)
    return ViewInfo(
        time_s=time_s.double(),
        mask=torch.ones_like(time_s, dtype=torch.bool) if mask is None else mask,
        present=more.pop("present", torch.ones(b, dtype=torch.bool)),
        box=torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(b, 4),
        params=torch.zeros(b, 1),
        **more,
    )


def context(views: dict[str, ViewInfo], **more) -> Context:
    """A context of samples that are all different videos and sessions, without labels."""
    b = len(next(iter(views.values())).time_s)
    rows = torch.arange(b)
    values = {
        "index": rows,
        "video_id": rows[:, None].expand(b, len(views)),
        "session_id": rows,
        "label": torch.full((b,), -1),
    }
    return Context(views=views, **{**values, **more})


def frames(x: Tensor) -> Features:
    return Features(frame=x, clip=x.mean(1), maps={})


def clips(x: Tensor) -> Features:
    return Features(frame=None, clip=x, maps={})


def dims(features: dict[str, Features]) -> dict[str, Dims]:
    return {
        name: Dims(
            frame=0 if value.frame is None else value.frame.shape[-1],
            clip=0 if value.clip is None else value.clip.shape[-1],
            maps={},
            num_frames=0 if value.frame is None else value.frame.shape[1],
        )
        for name, value in features.items()
    }


def wave(n: int, d: int, shift: float) -> Tensor:
    """A(n, d, s)[i, j] = sin(0.7 i + 1.3 j + 0.11 i j + s), the array all golden inputs are made of."""
    i, j = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(d, dtype=torch.float64)
    return torch.sin(0.7 * i + 1.3 * j + 0.11 * i * j + shift)


def unit(x: Tensor) -> Tensor:
    return x / x.square().sum(-1, keepdim=True).sqrt()


def goldens(root: Path, file: str = "core.json") -> dict:
    return json.loads((root / file).read_text())


def smooth(b: int, t: int, d: int, *, seed: int = 0, dtype=torch.float64) -> Tensor:
    """Random smooth frame features (B, T, D)."""
    generator = torch.Generator().manual_seed(seed)
    phase = torch.rand(b, 1, d, generator=generator, dtype=dtype) * 6.28
    rate = torch.rand(b, 1, d, generator=generator, dtype=dtype) * 3
    return torch.sin(phase + rate * torch.linspace(0, 3, t, dtype=dtype)[None, :, None])
