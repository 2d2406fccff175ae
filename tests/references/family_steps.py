"""Two steps of a trained backbone of any family, by one process or by two, as the training loop makes them."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mvssl import config
from mvssl.objectives import get
from mvssl.training.backbone import set_up_backbones
from mvssl.training.experiment import Train
from mvssl.training.loop import whole
from mvssl.training.memory import rows_of
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

from . import two_processes

SAMPLES, FRAMES, STEPS, VIEWS = 4, 3, 2, ("a", "b")
Found = dict[str, Any]  # losses of the steps, state before and after, names of what is trained


def make_module(backbone: str) -> TrainedModule:
    torch.manual_seed(0)
    about = {"mlp": [8], "dim": 8, "num_heads": 2, "hidden": 8, "num_layers": 1, "dropout": 0.0, "embedding_dim": 8}
    encoder = config.build("mvssl.encoders", {"name": "frame", "backbone": backbone, **about}, "encoder")
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    module = TrainedModule(
        {"all": encoder}, dict.fromkeys(VIEWS, ("rgb", rgb)), get("byol")(hidden_dim=8, dim=4), num_samples=SAMPLES,
        session_of=range(SAMPLES), duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
    )  # fmt: skip
    for part in module.modules():  # draws differ between processes by design
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, DropPath):
            part.drop_prob = 0.0
    set_up_backbones(module, Train())
    return module.double().train()


def make_batch(step: int, size: int) -> Batch:
    """The last sample has no second view, the first two frames that count in the first view."""
    generator = torch.Generator().manual_seed(step)
    views = {}
    for name in VIEWS:
        mask, present = torch.ones(SAMPLES, FRAMES, dtype=torch.bool), torch.ones(SAMPLES, dtype=torch.bool)
        if name == "a":
            mask[0, 2:] = False
        else:
            mask[-1], present[-1] = False, False
        pixels = torch.rand(SAMPLES, FRAMES, 1, 3, size, size, generator=generator, dtype=torch.float64)
        time_s = torch.rand(SAMPLES, FRAMES, generator=generator, dtype=torch.float64).sort(1).values
        views[name] = View(pixels, time_s, mask, present, torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1))
    index = torch.arange(SAMPLES)
    return Batch(views, index, index % 2, index[:, None].expand(-1, len(VIEWS)))


def train(backbone: str, size: int) -> Found:
    """By this process alone, or by its part of the batch where it is one of two."""
    module = make_module(backbone)
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    optimiser = torch.optim.SGD(trained.values(), lr=1e-3)
    before, losses = _state(module), []
    together = dist.is_initialized()
    called = DistributedDataParallel(module) if together else module
    for step in range(STEPS):
        batch = make_batch(step, size)
        if together:
            half = SAMPLES // two_processes.SPLIT
            batch = rows_of(batch, half, start=half * dist.get_rank())
        optimiser.zero_grad()
        terms = whole(called, batch, backward=lambda loss: loss.backward(), step=step, total_steps=STEPS)
        optimiser.step()
        module.after_step(step, STEPS)
        losses.append(float(terms["loss"].detach()))
    return {"losses": losses, "before": before, "after": _state(module), "trained": list(trained)}


def _state(module: TrainedModule) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def worker(rank: int, port: int, folder: str, cases: dict[str, int]) -> None:
    two_processes.join(rank, port)
    torch.save({name: train(name, size) for name, size in cases.items()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()
