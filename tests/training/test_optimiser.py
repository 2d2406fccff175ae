"""Schedule, decay and EMA against plain loops."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import Optimiser, make_optimiser


def little():
    torch.manual_seed(0)
    encoders = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.BatchNorm1d(4))
    objective = nn.Linear(4, 2)
    objective.param_groups = lambda: [{"params": list(objective.parameters())}]
    return SimpleNamespace(encoders=encoders, objective=objective)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize("warmup", [0, 3])
def test_learning_rates_follow_the_formula(schedule, warmup):
    config = Optimiser(name="sgd", lr=0.4, schedule=schedule, warmup_steps=warmup)
    optimiser, rates = make_optimiser(little(), config, 10)
    found = []
    for _ in range(10):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        rates.step()
    wanted = []
    for step in range(10):
        if step < warmup:
            wanted.append(0.4 * (step + 1) / (warmup + 1))
        elif schedule == "constant":
            wanted.append(0.4)
        else:
            wanted.append(0.2 * (1 + math.cos(math.pi * (step - warmup) / (10 - warmup))))
    assert found == pytest.approx(wanted)


def test_only_matrices_decay():
    module = little()  # with timm's "momentum", SGD without Nesterov, a first step is plain
    optimiser, _ = make_optimiser(module, Optimiser(name="momentum", lr=0.5, weight_decay=0.1), 10)
    named = [*module.encoders.named_parameters(), *module.objective.named_parameters()]
    before = [parameter.detach().clone() for _, parameter in named]
    for _, parameter in named:
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for (name, parameter), old in zip(named, before, strict=True):
        factor = 1 - 0.5 * 0.1 if parameter.dim() > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), old * factor, msg=name)


@pytest.mark.parametrize("part", ["backbone", "clips"])
def test_the_backbone_has_a_learning_rate_of_its_own(part):
    """A first step of plain SGD, in a loop: lr x factor in the backbone, lr elsewhere, nothing where it is frozen."""
    module = little()
    encoder = nn.Module()
    setattr(encoder, part, nn.Linear(3, 4))
    encoder.mlp, encoder.frozen = nn.Linear(4, 4), nn.Linear(4, 4).requires_grad_(False)
    module.encoders = nn.ModuleDict({"all": encoder})
    config = Optimiser(name="momentum", lr=0.5, backbone_lr=0.1, weight_decay=0.0, schedule="constant")
    optimiser, _ = make_optimiser(module, config, 10)
    before = {name: parameter.detach().clone() for name, parameter in encoder.named_parameters()}
    for parameter in encoder.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    for name, parameter in encoder.named_parameters():
        lr = 0.05 if name.startswith(part) else 0.0 if name.startswith("frozen") else 0.5
        torch.testing.assert_close(parameter.detach(), before[name] - lr, msg=name)


def test_targets_follow_by_the_rising_momentum():
    """target <- m target + (1 - m) online, m = 1 - (1 - base) (cos(pi s / S) + 1) / 2 (BYOL, section 3.2)."""
    encoders, targets = nn.Linear(2, 2), nn.Linear(2, 2)
    module = SimpleNamespace(
        encoders=encoders, targets=targets, ema_momentum=0.9, last_context=None,
        objective=SimpleNamespace(after_step=lambda context: None),
    )  # fmt: skip
    wanted = [parameter.detach().clone() for parameter in targets.parameters()]
    for step in range(5):
        TrainedModule.after_step(module, step, 5)
        momentum = 1 - 0.1 * (math.cos(math.pi * step / 5) + 1) / 2
        wanted = [momentum * w + (1 - momentum) * p.detach() for w, p in zip(wanted, encoders.parameters())]
        for found, value in zip(targets.parameters(), wanted, strict=True):
            torch.testing.assert_close(found.detach(), value)
