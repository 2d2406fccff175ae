"""Starts a world of two processes, and steps an objective on the halves of the batch that one process takes whole."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from . import whole_batch

SPLIT = 2
Steps = list[tuple[Tensor, dict[str, Tensor]]]


def start(worker: Callable[..., None], *arguments: Any) -> None:
    """``worker(rank, port, *arguments)`` in each of two new processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(worker, args=(port, *arguments), nprocs=SPLIT, start_method="spawn")


def join(rank: int, port: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=SPLIT)


def batches() -> list[dict[str, Tensor]]:
    return [whole_batch.inputs(seed=seed) for seed in range(2)]


def alone(name: str, parameters: dict[str, Any]) -> tuple[Steps, dict[str, Tensor]]:
    """Losses and gradients of two steps of one process, heads on, and the buffers afterwards."""
    encoder, objective = whole_batch.build(name, parameters)
    return whole_batch.steps(encoder, objective, batches(), 0), dict(objective.named_buffers())


def together(name: str, parameters: dict[str, Any], rank: int) -> tuple[Steps, dict[str, Tensor]]:
    """The same of this process, which sees its half; means over processes, as DDP takes them."""
    encoder, objective = whole_batch.build(name, parameters)
    size = whole_batch.NUM_SAMPLES // SPLIT
    parts = [{key: value[rank * size : (rank + 1) * size] for key, value in batch.items()} for batch in batches()]
    steps = whole_batch.steps(encoder, objective, parts, rank)
    for loss, grads in steps:
        dist.all_reduce(loss)
        loss /= SPLIT
        for key in sorted(grads):
            dist.all_reduce(grads[key])
            grads[key] /= SPLIT
    return steps, dict(objective.named_buffers())


def differences(names: list[str], folder: Path) -> dict[str, float]:
    """Per objective the largest difference of a loss or gradient, relative to the largest entry of that tensor (1 at least)."""
    start(_save, names, str(folder))
    found = [torch.load(folder / f"{rank}.pt") for rank in range(SPLIT)]
    return {name: max(_difference(part[name], alone(name, {})[0]) for part in found) for name in names}


def _save(rank: int, port: int, names: list[str], folder: str) -> None:
    join(rank, port)
    torch.save({name: together(name, {}, rank)[0] for name in names}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def _difference(mine: Steps, wanted: Steps) -> float:
    pairs = [(loss, expected) for (loss, _), (expected, _) in zip(mine, wanted, strict=True)]
    for (_, grads), (_, expected) in zip(mine, wanted, strict=True):
        pairs += [(grads[key], expected[key]) for key in expected]
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1.0)) for a, b in pairs)
