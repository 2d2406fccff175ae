"""Everything that several processes say to each other, and nothing else talks to torch.distributed.

The contract that every objective keeps: **the mean over ranks of the returned losses is the loss of the whole batch**,
and the DDP-averaged gradients are the gradients of that loss. ``accelerator.gather`` carries no gradient, hence
``gather_with_grad``. In one process each function here is the identity.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map


def is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def world_size() -> int:
    return dist.get_world_size() if is_distributed() else 1


def rank() -> int:
    return dist.get_rank() if is_distributed() else 0


def leave() -> None:
    """Ends the world of processes, once this one has nothing more to say to the others."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        out = x.contiguous().clone()
        dist.all_reduce(out)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        return grad


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x)
        ctx.num_rows = x.shape[0]
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        start = rank() * ctx.num_rows
        return grad[start : start + ctx.num_rows]


def sum_with_grad(x: Tensor) -> Tensor:
    """Sum of ``x`` (any shape) over ranks; the backward pass sums the ranks' gradients."""
    return _AllReduceSum.apply(x) if is_distributed() else x


def gather_with_grad(x: Tensor) -> Tensor:
    """Rows of all ranks in rank order: (B, ...) -> (world x B, ...). Every rank must hold the same B.

    Backward: each rank gets the sum over ranks of the gradients of its rows (all-reduce, then its slice).
    """
    return _AllGather.apply(x) if is_distributed() else x


@torch.no_grad()
def gather(x: Tensor) -> Tensor:
    """As ``gather_with_grad`` without gradient, for labels, masks, indices and targets. Booleans are carried as uint8."""
    if not is_distributed():
        return x
    if x.dtype == torch.bool:
        return gather(x.to(torch.uint8)).bool()
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x)
    return torch.cat(parts)


@torch.no_grad()
def global_count(x: Tensor | float) -> Tensor:
    """Sum over ranks of a count (a mask is summed first), float64 scalar: the denominator of a mean over the whole batch."""
    local = torch.as_tensor(x).double().sum()
    if is_distributed():
        if dist.get_backend() == "nccl":  # it takes no CPU tensors, and a plain number makes one
            local = local.to(torch.device("cuda", torch.cuda.current_device()))
        dist.all_reduce(local)
    return local


def mean_over_batch(terms: Tensor, count: Tensor | float | None = None) -> Tensor:
    """Mean of per-row terms over the rows of all ranks, scaled so that the mean over ranks of the result is that mean.

    Args:
        terms: (n,) this rank's valid terms; n may differ between ranks, also be 0 (the result keeps its graph).
        count: this rank's number of terms; default ``len(terms)``.
    """
    if count is None and not is_distributed():
        return terms.sum() / max(terms.numel(), 1)
    total = global_count(float(terms.numel()) if count is None else count)
    return terms.sum() * (world_size() / total.clamp(min=1.0)).to(terms.dtype)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """The mean over ranks of every gradient, as DDP does after a backward pass; a gradient that is missing counts as 0."""
    if not is_distributed():
        return
    for parameter in parameters:
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
            parameter.grad /= world_size()


def is_sharded(module: nn.Module) -> bool:
    """Whether each process holds only its part of the weights (FSDP2)."""
    return any(hasattr(parameter, "full_tensor") for parameter in module.parameters())


def whole_tensor(x: Tensor) -> Tensor:
    """A tensor that is sharded over processes (FSDP2) put together on each of them; all must call it."""
    return x.full_tensor() if hasattr(x, "full_tensor") else x  # type: ignore[operator]


@torch.no_grad()
def whole_on_main(state: Any) -> Any:
    """Sharded tensors anywhere in the containers of ``state`` put together one by one; all processes must call it.

    The main process gets them on the CPU, the others None in their place. What is not sharded stays as it is.
    """

    def joined(x: Any) -> Any:
        if not hasattr(x, "full_tensor"):
            return x
        value = x.full_tensor()
        return value.cpu() if rank() == 0 else None

    return tree_map(joined, state)


def sharded_as(value: Any, like: Any) -> Any:
    """This process's part of a whole tensor, cut as ``like`` is; the value itself where ``like`` is not sharded."""
    if not hasattr(like, "full_tensor") or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor  # slow to import, and only needed here

    device = like.to_local().device
    return distribute_tensor(value.to(device), like.device_mesh, like.placements, src_data_rank=None)


def global_moments(x: Tensor, *, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and (biased) variance over the values of all ranks, and their number, with gradient; 0 where there are none.

    Args:
        x: any shape, at least float32; ranks may hold different numbers of rows, also none.
        channels: the axis that is kept.

    Returns:
        (D,), (D,) and a scalar.
    """
    others = [axis for axis in range(x.dim()) if axis != channels]
    shape = [-1 if axis == channels else 1 for axis in range(x.dim())]
    num = global_count(float(x.numel() // x.shape[channels])).to(x)
    count = num.clamp(min=1.0)
    mean = sum_with_grad(x.sum(others)) / count
    var = sum_with_grad(((x - mean.view(shape)) ** 2).sum(others)) / count
    return mean, var, num


@torch.no_grad()
def track_moments(norm: _BatchNorm, mean: Tensor, var: Tensor, num: Tensor) -> None:
    """Moves the running statistics of a batch norm, where it has such, as torch's own do; nothing where ``num`` is 0."""
    if not norm.track_running_stats or norm.running_mean is None or norm.running_var is None:
        return
    share = (num > 0).to(norm.running_mean) * (0.1 if norm.momentum is None else norm.momentum)
    unbiased = var * num.clamp(min=1.0) / (num - 1).clamp(min=1.0)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), share)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked += 1


class GlobalBatchNorm(nn.BatchNorm1d):
    """Batch norm over the rows of all ranks; differentiable; on CPU too (torch's SyncBatchNorm refuses CPU tensors).

    Input (N, D), or (N, T, D) with ``mask`` (N, T): masked rows enter no statistics. Sum, square sum and count are
    reduced with gradient, so loss and gradients equal those of one process with the whole batch.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        rows = x.reshape(-1, x.shape[-1])
        if not self.training and self.track_running_stats:
            out = nn.functional.batch_norm(
                rows, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
            return out.view_as(x)
        valid = rows if mask is None or bool(mask.all()) else rows[mask.reshape(-1)]
        own_statistics = world_size() == 1 and len(valid) == len(rows) > 1 and not self.track_running_stats
        if own_statistics and rows.dtype in (torch.float32, torch.float64):
            return super().forward(rows).view_as(x)  # torch's own, fused
        wide = valid.double() if valid.dtype == torch.float64 else valid.float()
        mean, var, num_rows = global_moments(wide, channels=1)
        track_moments(self, mean, var, num_rows)
        out = (rows - mean.to(rows.dtype)) * torch.rsqrt(var + self.eps).to(rows.dtype)
        if self.affine:
            out = out * self.weight + self.bias
        return out.view_as(x)


def launcher_status(launch: Callable[[], None]) -> tuple[int, str]:
    """Runs a launcher of worker processes; what it raises becomes a status.

    Returns:
        The status of the worker that failed, 128 + the signal, as shells count, where one ended it or the launcher; and
        words where no worker can have said what happened.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        launch()
    except SignalException as received:
        return 128 + int(received.sigval), ""
    except ChildFailedError as error:
        rank, failure = max(error.failures.items(), key=lambda one: one[1].exitcode)  # the others were ended for it
        if failure.exitcode >= 0:
            return failure.exitcode, ""
        name = signal.Signals(-failure.exitcode).name
        return 128 - failure.exitcode, f"process {rank} was ended by {name} (SIGKILL: often for want of memory)"
    return 0, ""
