"""Weights sharded over processes (FSDP2, through accelerate's own plug-in): what it takes, and what it refuses."""

from __future__ import annotations

import os

from accelerate import Accelerator, DistributedType

from mvssl.errors import ConfigError
from mvssl.training.experiment import Train
from mvssl.training.module import TrainedModule

REPLICATED = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU, DistributedType.MULTI_XPU)


def set_up(accelerator: Accelerator, module: TrainedModule, settings: Train) -> bool:
    """Whether the weights will be sharded.

    With bf16 the arithmetic is that of autocast, as without sharding: the plug-in's own mixed precision would round the
    arguments of the module, and so the times of the frames, to bf16.

    Raises:
        ConfigError: what was launched, or a part of the run, needs every process to hold all weights.
    """
    kind = accelerator.distributed_type
    if kind in REPLICATED:
        if accelerator.num_processes > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
            raise ConfigError(
                "FSDP: accelerate shards weights on accelerators only, and would leave the plug-in out without a word on "
                "CPUs; launch without it"
            )
        return False
    if not accelerator.is_fsdp2:
        raise ConfigError(
            f"{kind.value}: of sharded weights only FSDP2 is supported (fsdp_version: 2, as in configs/accelerate/"
            "fsdp2.yaml); launch with that or with plain data parallelism"
        )
    if settings.chunk:
        raise ConfigError(
            "train.chunk: GradCache runs the backbone apart from the rest, where sharded weights are not there; set "
            "train.chunk=0, and train.activation_checkpointing=true or train.accumulate to save memory"
        )
    if settings.evaluate_every:
        raise ConfigError(
            "train.evaluate_every: one process evaluates, and has only its part of sharded weights; set it to 0 and run "
            "`mvssl evaluate` afterwards"
        )
    if settings.precision == "fp16":
        raise ConfigError(
            "train.precision: fp16 with sharded weights is not supported (each process would look for overflow in its own "
            "part); set it to bf16 or no"
        )
    numbers = [name for name, parameter in module.named_parameters() if parameter.dim() == 0]
    if numbers:
        raise ConfigError(
            f"objective: {', '.join(numbers)} is one number, which FSDP2 cannot shard; launch with plain data parallelism"
        )
    accelerator.state.fsdp_plugin.mixed_precision_policy = None
    for parameter in module.parameters():
        parameter.data = parameter.data.contiguous()  # channels-last kernels cannot be sharded
    return True
