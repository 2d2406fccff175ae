"""A skipped step leaves everything as it was, bit for bit; an overflow of the loss scale is a skipped step and no error."""

import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from references.skipping_run import MANNERS, STEPS, Run, batch_of, scaled

from mvssl.errors import InputError
from mvssl.objectives import names
from mvssl.training.non_finite import StepVerdict, settle


@pytest.fixture
def run(tmp_path, monkeypatch):
    return lambda **about: Run(tmp_path / "run", monkeypatch, **about)


@pytest.mark.parametrize(("manner", "value"), [*((manner, math.nan) for manner in MANNERS), ("plain", math.inf)])
def test_a_bad_batch_leaves_the_state_as_it_was(run, manner, value):
    found = run(manner=manner, bad={0: value, 2: value}).train()
    assert [line["skipped"] for line in found.lines] == [1, 1, 2, 2]
    assert [line.get("step_skipped") for line in found.lines] == [StepVerdict.NOT_FINITE.value, None] * 2
    assert found.changed(0) == found.changed(2) == set()
    assert any("running_mean" in name for name in found.changed(1))
    assert all("non_finite_rows" in found.lines[step] for step in (0, 2))
    assert all(found.lines[step]["effective_rank"] > 1 for step in (1, 3))
    embedding = found.module.eval().encoders["all"](batch_of(9, {}).views["a"]).frame
    assert torch.isfinite(embedding).all()
    assert all(torch.isfinite(value).all() for value in found.states[-1].values())


KEEPING = ("cmc", "frame_wise", "moco", "ssl_hsic", "sum", "weak_carl")  # banks, queues, EMA heads, paths


@pytest.mark.parametrize(
    "objective", [name if name in KEEPING else pytest.param(name, marks=pytest.mark.slow) for name in names()]
)
def test_no_objective_keeps_anything_of_a_bad_batch(run, objective):
    found = run(objective=objective, bad={1: math.nan}, steps=3).train()
    assert found.lines[1]["skipped"] == 1
    assert found.changed(1) == set()
    assert found.changed(0)
    assert all(math.isfinite(found.lines[step]["loss"]) for step in (0, 2))


def test_steps_around_a_skipped_one_keep_their_learning_rates(run):
    found = run(bad={1: math.nan}).train()
    cosine = [0.5e-3 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)]
    assert [line["lr"] for line in found.lines] == pytest.approx(cosine), "of the number of the step, skipped or not"


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_an_overflow_lowers_the_scale_and_ends_no_run(run, monkeypatch, manner, policy):
    found = scaled(run(manner=manner, policy=policy), monkeypatch, scale=4096.0)
    found.module.encoders["all"].members[0].leave.weight.register_hook(
        lambda grad: grad * (math.inf if found.accelerator.scaler.get_scale() > 1024 else 1.0)  # as half precision
    )
    found.train()
    assert [line["loss_scale"] for line in found.lines] == [2048.0, 1024.0, 1024.0, 1024.0]
    assert [line["skipped"] for line in found.lines] == [1, 2, 2, 2]
    assert [line.get("step_skipped") for line in found.lines] == [StepVerdict.OVERFLOW.value] * 2 + [None] * 2
    assert found.changed(0) == found.changed(1) == {"scale"}
    assert any("running_mean" in name for name in found.changed(2))
    assert all(math.isfinite(line["loss"]) and line["effective_rank"] > 1 for line in found.lines)
    assert not (found.folder / "non_finite.jsonl").exists()


@pytest.mark.parametrize("manner", MANNERS)
def test_a_bad_batch_leaves_the_scaler_as_it_was(run, monkeypatch, manner):
    found = scaled(run(manner=manner, bad={1: math.nan, 2: math.nan}), monkeypatch, scale=1024.0).train()
    assert [line["skipped"] for line in found.lines] == [0, 1, 2, 2]
    assert found.changed(1) == found.changed(2) == set()
    assert "growth" in found.changed(0)
    assert found.lines[-1]["loss_scale"] == 1024.0


def test_a_bad_batch_is_no_overflow_under_stop(run, monkeypatch):
    with pytest.raises(InputError, match=r"step 1: loss nan"):
        scaled(run(policy="stop", bad={1: math.nan}), monkeypatch, scale=1024.0).train()


def test_a_gradient_that_is_not_finite_at_scale_one_is_an_error(run, monkeypatch):
    """Else a run whose gradients are never finite would go on lowering its scale for ever."""
    found = scaled(run(policy="stop"), monkeypatch, scale=4.0)
    found.module.encoders["all"].members[0].leave.weight.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(InputError, match=r"step 2: .*gradient is not finite"):
        found.train()


def test_the_scale_is_lowered_as_torch_lowers_it():
    mine, theirs = (torch.amp.GradScaler("cpu", init_scale=64.0, backoff_factor=0.25) for _ in range(2))
    for scaler in (mine, theirs):
        weight = torch.nn.Parameter(torch.ones(2))
        optimiser = torch.optim.SGD([weight], lr=0.1)
        for factor in (1.0, math.inf):
            optimiser.zero_grad()
            scaler.scale((weight * factor).sum()).backward()
            scaler.unscale_(optimiser)
            if factor == 1.0 or scaler is theirs:
                scaler.step(optimiser)
                scaler.update()
            else:
                settle(scaler, StepVerdict.OVERFLOW)
    assert mine.state_dict() == theirs.state_dict()
    assert mine.get_scale() == 16.0
