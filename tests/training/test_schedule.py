"""Learning rates: what is logged is what was used, and a run that is made longer has those of the longer run."""

import json
import math

import pytest

from mvssl.training import loop as training_loop
from mvssl.training import pretrain

LR, WARMUP = 0.01, 2


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def wanted(step, total):
    if step < WARMUP:
        return LR * (step + 1) / (WARMUP + 1)
    return LR * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (total - WARMUP)))


@pytest.fixture
def used(monkeypatch):
    """Learning rates at the optimiser's own steps."""
    found, real = [], training_loop.make_optimiser

    def watched(*about):
        optimiser, schedule = real(*about)
        optimiser.register_step_pre_hook(lambda self, *_: found.append(self.param_groups[0]["lr"]))
        return optimiser, schedule

    monkeypatch.setattr(training_loop, "make_optimiser", watched)
    return found


def test_the_logged_rate_is_the_one_that_was_used(tiny_config, tmp_path, used):
    tiny_config["optimiser"] |= {"lr": LR, "warmup_steps": WARMUP}
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    rates = [line["lr"] for line in lines(run)]
    assert rates == used
    assert rates == pytest.approx([wanted(step, 8) for step in range(8)])


@pytest.mark.parametrize("before", [4, 6])
def test_a_run_that_is_made_longer_has_the_rates_of_its_new_length(tiny_config, tmp_path, used, capsys, before):
    tiny_config["optimiser"] |= {"lr": LR, "warmup_steps": WARMUP}
    tiny_config["train"]["steps"] = before
    pretrain(tiny_config, tmp_path / "run", progress=False)
    assert "train.steps" not in capsys.readouterr().out
    tiny_config["train"]["steps"] = 9
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    rates = [line["lr"] for line in lines(run)]
    assert rates == used
    assert rates[:before] == pytest.approx([wanted(step, before) for step in range(before)])
    assert rates[before:] == pytest.approx([wanted(step, 9) for step in range(before, 9)])
    said = capsys.readouterr().out
    assert f"train.steps {before} -> 9" in said
    assert f"as at step {before} of a run of 9" in said
