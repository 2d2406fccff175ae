"""One batch that every objective can take, whole or in parts, and a small encoder in front of it.

It holds what goes wrong in practice: unequal numbers of valid frames, an absent view, a session that comes twice,
missing labels.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from mvssl.objectives import get
from mvssl.types import Context, Dims, Features, ViewInfo

VIEWS = ("a", "b")
NUM_SAMPLES, NUM_FRAMES, WIDTH = 8, 7, 6
BANK_ROWS = 20


def inputs(dtype: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Tensor]:
    """Tensors whose first axis is the sample (8 of them, two views of seven frames)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(NUM_SAMPLES, len(VIEWS), *shape, generator=generator, dtype=torch.float64).to(dtype)

    time_s = torch.rand(NUM_SAMPLES, 1, NUM_FRAMES, generator=generator, dtype=torch.float64).sort(-1).values * 2
    num_valid = torch.tensor([[7, 7], [7, 6], [5, 7], [6, 6], [7, 3], [4, 5], [7, 7], [2, 6]])
    present = torch.ones(NUM_SAMPLES, len(VIEWS), dtype=torch.bool)
    present[5, 1] = False
    return {
        "frame": normal(NUM_FRAMES, WIDTH),
        "clip": normal(WIDTH),
        "time_s": time_s + torch.tensor([0.0, 0.01])[:, None],
        "mask": torch.arange(NUM_FRAMES) < num_valid[..., None],
        "present": present,
        "frame_label": torch.randint(-1, 4, (NUM_SAMPLES, len(VIEWS), NUM_FRAMES), generator=generator),
        "index": torch.tensor([3, 11, 0, 7, 19, 5, 2, 13]),
        "session_id": torch.tensor([4, 1, 2, 1, 9, 5, 6, 7]),
        "label": torch.tensor([0, 0, 1, 1, 0, 1, 0, -1]),
    }


class Encoder(nn.Module):
    """Two linear layers: inputs -> frame and clip features of every view."""

    def __init__(self) -> None:
        super().__init__()
        self.frame, self.clip = nn.Linear(WIDTH, 8), nn.Linear(WIDTH, 8)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Features]:
        frame, clip = self.frame(batch["frame"]), self.clip(batch["clip"])
        return {name: Features(frame[:, i], clip[:, i], {}) for i, name in enumerate(VIEWS)}


def context(batch: dict[str, Tensor], **more: Any) -> Context:
    size = len(batch["index"])
    target = {
        name: Features(
            torch.sin(batch["frame"][:, i].repeat(1, 1, 2)[..., :8]), batch["clip"][:, i].repeat(1, 2)[:, :8], {}
        )
        for i, name in enumerate(VIEWS)
    }
    views = {
        name: ViewInfo(
            time_s=batch["time_s"][:, i],
            mask=batch["mask"][:, i],
            present=batch["present"][:, i],
            box=torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(size, 4),
            params=torch.zeros(size, 1),
            duration_s=torch.full((size,), 3.0, dtype=torch.float64),
            label=batch["frame_label"][:, i],
        )
        for i, name in enumerate(VIEWS)
    }
    return Context(
        views=views,
        index=batch["index"],
        video_id=batch["index"][:, None].expand(size, len(VIEWS)),
        session_id=batch["session_id"],
        label=batch["label"],
        target=target,
        progress=0.5,
        **more,
    )


def build(name: str, parameters: dict[str, Any]) -> tuple[Encoder, nn.Module]:
    """Encoder and objective with the same weights in every process; wide heads are made narrow."""
    torch.manual_seed(0)
    known = inspect.signature(get(name)).parameters
    narrow = {key: 16 for key in ("hidden_dim", "dim") if key in known and known[key].default > 16}
    encoder, objective = Encoder().double(), get(name)(**{**narrow, **parameters})
    objective.build({view: Dims(frame=8, clip=8, maps={}, num_frames=NUM_FRAMES) for view in VIEWS}, BANK_ROWS)
    return encoder, objective.double()


def steps(
    encoder: Encoder, objective: nn.Module, batches: list[dict[str, Tensor]], rank: int
) -> list[tuple[Tensor, dict]]:
    """Loss and gradients of some steps without an optimiser; queues and banks move in between."""
    found = []
    for number, batch in enumerate(batches):
        encoder.zero_grad()
        objective.zero_grad()
        generator = torch.Generator().manual_seed(1000 * number + rank)
        ctx = context(batch, step=number, generator=generator)
        loss = objective(encoder(batch), ctx)["loss"]
        loss.backward()
        modules = {"encoder": encoder, "objective": objective}
        grads = {
            f"{part}.{name}": p.grad.clone()
            for part, module in modules.items()
            for name, p in module.named_parameters()
            if p.grad is not None
        }
        objective.after_step(ctx)
        found.append((loss.detach(), grads))
    return found
