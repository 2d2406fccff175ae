"""``--find-batch-size``: the largest batch that a step has the memory for, by doubling and measuring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from accelerate import PartialState
from accelerate.utils import send_to_device

from mvssl.training import memory
from mvssl.training.experiment import Experiment
from mvssl.training.grad_cache import GradCache
from mvssl.training.loop import whole
from mvssl.training.module import TrainedModule


def with_found_batch(
    experiment: Experiment, module: TrainedModule, make: Callable[..., Any], *, num_samples: int, process: PartialState
) -> Experiment:
    """The experiment with the largest ``batch.size`` (a power of two times the smallest) that fits; says which.

    Args:
        make: (experiment, module) -> batches, and the unreadable files.
        num_samples: of the data set; the batch grows no larger.
    """
    unit = 2 * (experiment.batch.num_per_group if experiment.batch.group_by != "none" else 1)
    parts = experiment.train.accumulate
    smallest = _sized(experiment, unit * parts * process.num_processes)
    batches, _ = make(smallest, module)
    _, batch = next(iter(batches(0, process.process_index, process.num_processes)))
    chunk = experiment.train.chunk
    module.to(process.device).train()
    step_on = GradCache(module, chunk=chunk) if chunk else partial(whole, module)
    most = num_samples // process.num_processes // parts
    batch = send_to_device(memory.rows_of(batch, unit), process.device)
    size = memory.largest_batch(module, step_on, batch, process.device, most=most) * parts * process.num_processes
    if process.is_main_process:
        free = memory.free_bytes(process.device) / 1e9
        print(f"batch.size {size}: the largest that fits into {free:.1f} GB free ({num_samples} samples in all)")
    return _sized(experiment, size)


def _sized(experiment: Experiment, size: int) -> Experiment:
    return experiment.model_copy(update={"batch": experiment.batch.model_copy(update={"size": size})})
