"""How much memory a step needs, measured on a few samples before the run starts, and the largest batch that fits."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mvssl.distributed import gather
from mvssl.training.buffers import kept_buffers
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

SHARE = 0.8  # of the free memory that a step may take: allocators and decoders need some, too
StepOn = Callable[..., dict[str, torch.Tensor]]


def words(module: TrainedModule, step_on: StepOn, batch: Batch, device: torch.device, *, few: int) -> str:
    """The estimate for this process's part of the batch as a sentence.

    Args:
        few: samples to measure on; the rest is taken to grow as from these to twice as many.
    """
    size = len(batch.index)
    small = min(size, few)
    large = min(size, 2 * small)
    one = step_bytes(module, step_on, rows_of(batch, small))
    two = step_bytes(module, step_on, rows_of(batch, large)) if large > small else one
    slope = max(0.0, (two - one) / (large - small)) if large > small else one / small
    need = two + slope * (size - large) + optimiser_bytes(module)
    free = free_bytes(device)
    told = f"memory: a step of {size} samples takes about {need / 1e9:.2f} GB at its peak, of {free / 1e9:.1f} GB free"
    if need <= SHARE * free:
        return told
    return told + (
        ", which is too close: lower batch.size, set train.chunk or train.activation_checkpointing, "
        "or let --find-batch-size choose"
    )


def largest_batch(module: TrainedModule, step_on: StepOn, batch: Batch, device: torch.device, *, most: int) -> int:
    """The largest number of samples (``len(batch)``, doubled as often as it fits) that a step has the memory for.

    Args:
        batch: the smallest that will do; its rows are repeated.
        most: samples that there are.
    """
    size, free = len(batch.index), SHARE * free_bytes(device) - optimiser_bytes(module)
    need = step_bytes(module, step_on, batch)
    while 2 * size <= most and bool(gather(torch.tensor([2 * need <= free], device=device)).all()):
        size *= 2
        need = step_bytes(module, step_on, rows_of(batch, size))
    return size


def step_bytes(module: TrainedModule, step_on: StepOn, batch: Batch) -> int:
    """Peak of the tensors that one forward and backward of this batch makes; the module is as before afterwards."""
    with _untouched(module), peak_of(batch.index.device) as peak:
        step_on(
            batch, backward=lambda loss: loss.backward(), generator=torch.Generator(batch.index.device).manual_seed(0)
        )
    return peak()


def optimiser_bytes(module: TrainedModule) -> int:
    """Two numbers for each trained weight: what Adam keeps, and more than the others do."""
    return 2 * sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)


def free_bytes(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def rows_of(batch: Batch, size: int, *, start: int = 0) -> Batch:
    """A batch of ``size`` samples from ``start`` on; where there are too few, the first ones come again."""
    rows = torch.arange(start, start + size, device=batch.index.device) % len(batch.index)
    views = {name: View(*(value[rows] for value in view)) for name, view in batch.views.items()}
    return Batch(views, *(value[rows] for value in batch[1:]))


@contextmanager
def _untouched(module: TrainedModule) -> Iterator[None]:
    cuda = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with kept_buffers(module), torch.random.fork_rng(devices=cuda):
        yield
    module.zero_grad(set_to_none=True)


@contextmanager
def peak_of(device: torch.device) -> Iterator[Callable[[], int]]:
    """The most bytes that tensors made inside took at one time (CUDA: by its allocator; else counted here)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield lambda: torch.cuda.max_memory_allocated(device) - before
        return
    counted = _Count()
    with counted:
        yield lambda: counted.peak


class _Count(TorchDispatchMode):
    """Adds up the storages of results, from when they are made until they are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        inputs = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self.seen and key not in inputs:
                    self.seen.add(key)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self._gone, key, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return made

    def _gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size
