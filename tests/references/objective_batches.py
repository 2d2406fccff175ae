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


def two_videos(x: Tensor, y: Tensor, steps_x=None, steps_y=None, length_x=None, length_y=None):
    """Two samples with one view each, padded to one length: features and context. One step is one second."""
    sides = []
    longest = max(len(x), len(y))
    for z, steps, length in ((x, steps_x, length_x), (y, steps_y, length_y)):
        time_s = torch.arange(len(z)) if steps is None else torch.as_tensor(steps)
        missing = longest - len(z)
        sides.append(
            (
                torch.cat([z, z.new_full((missing, z.shape[1]), 7.0)]),
                torch.cat([time_s.double(), torch.full((missing,), 99.0, dtype=torch.float64)]),
                torch.arange(longest) < len(z),
                float(len(z) if length is None else length),
            )
        )
    z, time_s, mask = (torch.stack([side[k] for side in sides]) for k in range(3))
    duration_s = torch.tensor([side[3] for side in sides], dtype=torch.float64)
    view = info(time_s, mask, duration_s=duration_s)
    return {"a": frames(z)}, context({"a": view}, label=torch.zeros(2, dtype=torch.long))


STEPS_X = [0, 3, 5, 9, 14, 17, 21, 25, 28, 32, 36, 39]
STEPS_Y = [1, 6, 8, 13, 19, 22, 28, 33, 37]
STEPS_X2 = [2, 4, 7, 11, 15, 18, 23, 26, 30, 35, 38, 41]
