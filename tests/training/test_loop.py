"""The loop against a loop written here: gradients of one step alone, clipped, and what is called when."""

import json

import pytest
import torch

from mvssl.training import loop as training_loop
from mvssl.training import pretrain
from mvssl.training.module import TrainedModule

STEPS = 4


@pytest.fixture
def values(tiny_config):
    tiny_config["encoder"]["dropout"] = 0.0
    tiny_config["train"] |= {"steps": STEPS, "checkpoint_every": 3}
    return tiny_config


def watched(monkeypatch):
    """The gradients at each of the optimiser's steps, and the steps that ``after_step`` is told."""
    found, told, real = [], [], training_loop.make_optimiser

    def make(module, *about):
        optimiser, schedule = real(module, *about)
        trained = [p for p in module.parameters() if p.requires_grad]
        optimiser.register_step_pre_hook(
            lambda *_: found.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in trained])
        )
        return optimiser, schedule

    after = TrainedModule.after_step

    def after_step(self, step, total_steps):
        told.append((step, total_steps))
        after(self, step, total_steps)

    monkeypatch.setattr(training_loop, "make_optimiser", make)
    monkeypatch.setattr(TrainedModule, "after_step", after_step)
    return found, told


def norms(gradients):
    return [float(torch.cat([grad.flatten() for grad in step]).norm()) for step in gradients]


def logged(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_gradients_are_those_of_one_step_and_clipped_to_the_norm(values, tmp_path, monkeypatch):
    values["optimiser"] |= {"lr": 0.0, "weight_decay": 0.0}  # every step begins from the same weights
    values["train"]["clip_norm"] = 1e9
    found, told = watched(monkeypatch)
    lines = logged(pretrain(values, tmp_path / "free", progress=False))
    assert told == [(step, STEPS) for step in range(STEPS)]
    free = found[:]
    assert [line["grad_norm"] for line in lines] == pytest.approx(norms(free), rel=1e-5)
    limit = 0.5 * min(norms(free))
    values["train"]["clip_norm"] = limit
    pretrain(values, tmp_path / "clipped", progress=False)
    for wanted, clipped, norm in zip(free, found[STEPS:], norms(free), strict=True):
        for one, other in zip(wanted, clipped, strict=True):
            torch.testing.assert_close(other, one * (limit / norm), rtol=1e-4, atol=1e-7)


def test_checkpoints_are_written_after_every_so_many_steps_and_the_last(values, tmp_path):
    run = pretrain(values, tmp_path / "run", progress=False)
    assert sorted(path.name for path in (run / "checkpoints").glob("step-*")) == ["step-00000003", "step-00000004"]
