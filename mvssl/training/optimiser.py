"""Optimiser and schedule: torch's and timm's, with parameter groups that leave norms and biases without decay."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import nn

from mvssl.config import Section
from mvssl.errors import ConfigError
from mvssl.training.module import TrainedModule
from mvssl.training.schedule import Schedule


class Optimiser(Section):
    """Attributes:
    name: any optimiser of timm (``adamw``, ``sgd``, ``lars``, ...).
    lr: peak learning rate.
    backbone_lr: factor of the learning rate for the trained parts of the backbone.
    schedule: ``cosine`` falls towards 0, which it would reach one step after the last; ``constant`` stays. Always that of
        the total number of steps: a run that is made longer goes on with the rates of the longer one.
    warmup_steps: linear rise from 0.
    """

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 1e-5
    momentum: float = 0.9
    backbone_lr: float = 1.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 0


def parameter_groups(module: TrainedModule, config: Optimiser) -> list[dict]:
    """Groups: encoders (backbone apart) with and without decay, then the objective's own groups; frozen ones left out."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.encoders.named_parameters():
        if parameter.requires_grad:
            factor = config.backbone_lr if ".backbone." in name or ".clips." in name else 1.0
            decay = config.weight_decay if parameter.dim() > 1 else 0.0
            groups.setdefault((config.lr * factor, decay), []).append(parameter)
    found: list[dict] = [
        {"params": members, "lr": lr, "weight_decay": decay} for (lr, decay), members in groups.items()
    ]
    for group in module.objective.param_groups():
        if any(p.requires_grad for p in group["params"]):
            others = {name: value for name, value in group.items() if name != "maximize"}
            found += _by_decay({**others, "ascend": bool(group.get("maximize", False))}, config)
    return found


def _by_decay(group: dict, config: Optimiser) -> list[dict]:
    if "weight_decay" in group:
        return [{"lr": config.lr, **group}]
    matrices = [p for p in group["params"] if p.dim() > 1]
    others = [p for p in group["params"] if p.dim() <= 1]
    halves = [(matrices, config.weight_decay), (others, 0.0)]
    return [
        {"lr": config.lr, **group, "params": members, "weight_decay": decay} for members, decay in halves if members
    ]


def _ascend(optimiser: torch.optim.Optimizer, *_: Any) -> None:
    """Turns the gradients of ascending groups round; many optimisers know no ``maximize``, or pass it over."""
    for group in optimiser.param_groups:
        if group.get("ascend", False):
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.neg_()


def make_optimiser(
    module: TrainedModule, config: Optimiser, total_steps: int
) -> tuple[torch.optim.Optimizer, Schedule]:
    """The optimiser and the schedule of its learning rates over ``total_steps``.

    Raises:
        ConfigError: the optimiser needs second derivatives, which the training loop does not make.
    """
    from timm.optim import create_optimizer_v2

    if config.name.endswith("adahessian"):
        raise ConfigError(f"optimiser.name: {config.name} needs second derivatives, which are not made; take adamw")
    optimiser = create_optimizer_v2(
        parameter_groups(module, config),
        opt=config.name,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
    )
    taking = getattr(optimiser, "_base_optimizer", optimiser)  # timm's Lookahead calls the hooks of what it wraps
    taking.register_step_pre_hook(_ascend)

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / (config.warmup_steps + 1)
        if config.schedule == "constant":
            return 1.0
        done = (step - config.warmup_steps) / max(total_steps - config.warmup_steps, 1)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return optimiser, Schedule(optimiser, factor)
