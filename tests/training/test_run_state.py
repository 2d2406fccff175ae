"""Everything that a run needs comes back from its checkpoint, and what is not as it was is said."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from mvssl.training.run_state import RunState


def a_run(tmp_path, steps, scale, said, *, total_steps=9):
    """A state after some steps of a tiny training."""
    torch.manual_seed(steps)
    module = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        module(torch.rand(4, 3)).square().sum().backward()
        optimiser.step()
    scaler = None if scale is None else torch.amp.GradScaler("cpu", init_scale=scale)
    accelerator = SimpleNamespace(
        is_main_process=True, scaler=scaler, wait_for_everyone=lambda: None, main_process_first=nullcontext,
        print=said.append,
    )  # fmt: skip
    return RunState(tmp_path, module, optimiser, accelerator, keep=2, total_steps=total_steps)


def content(state):
    scaler = state.accelerator.scaler
    return {
        "module": state.module.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "scaler": None if scaler is None else scaler.state_dict(),
        "skipped": state.skipped,
    }


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_resumed_state_is_the_saved_one(tmp_path, scale):
    said = []
    before = a_run(tmp_path, 5, scale, said)
    before.skipped, before.environment = 3, {"torch": "1", "threads": "2", "data": "a"}
    before.save(5)
    again = a_run(tmp_path, 0, None if scale is None else 8.0, said, total_steps=12)
    again.environment = {"torch": "1", "threads": "4", "data": "b", "of a newer version": "x"}
    assert again.resume() == 5
    torch.testing.assert_close(content(again), content(before), rtol=0, atol=0)
    assert said[0].startswith("going on from")
    assert said[1].endswith("not bit for bit as before: threads 2 -> 4, data a -> b")
    assert "train.steps 9 -> 12" in said[2]
    assert "as at step 5 of a run of 12" in said[2]


def test_without_a_checkpoint_a_run_begins(tmp_path):
    assert a_run(tmp_path, 0, None, []).resume() == 0
