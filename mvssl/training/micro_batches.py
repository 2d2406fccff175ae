"""Gradient accumulation: a step's batch in equal parts, one after the other, and one optimiser step for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mvssl.errors import ConfigError
from mvssl.sampling import BatchPlan
from mvssl.training.memory import rows_of
from mvssl.training.module import TrainedModule
from mvssl.types import Batch

Terms = dict[str, torch.Tensor]


def check(module: TrainedModule, plan: BatchPlan, num: int, num_processes: int) -> None:
    """Refuses what ``train.accumulate`` cannot do.

    Raises:
        ConfigError: the objective keeps rows of earlier batches, or the batch cannot be cut into ``num`` equal parts on
            each of ``num_processes``.
    """
    if num == 1:
        return
    if module.objective.needs.queue:
        raise ConfigError(
            "train.accumulate: this objective keeps the rows of earlier batches (queue or bank), and takes them up once a "
            "step, so that those of all micro-batches but the last would be lost; set train.accumulate=1 and lower "
            "batch.size: its negatives do not depend on it"
        )
    unit = num * num_processes * plan.num_per_group
    if plan.batch_size % unit:
        sets = f", in sets of {plan.num_per_group}" if plan.num_per_group > 1 else ""
        raise ConfigError(
            f"train.accumulate: a batch of {plan.batch_size} samples cannot be cut into {num} equal parts on each of "
            f"{num_processes} processes{sets}; choose batch.size as a multiple of {unit}"
        )


def micro_batches(batch: Batch, num: int) -> list[Batch]:
    """``num`` equal parts of this process's batch, in its order."""
    size = len(batch.index) // num
    return [rows_of(batch, size, start=start) for start in range(0, num * size, size)] if num > 1 else [batch]


def means(parts: Sequence[Terms]) -> Terms:
    """Each term's mean over the micro-batches; one value that is not finite makes it so."""
    return {name: torch.stack([terms[name].detach() for terms in parts]).sum(0) / len(parts) for name in parts[0]}
