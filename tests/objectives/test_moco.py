from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, built, loss_of
from references.objective_batches import context, info

X = {name: ABC[name] for name in ("a", "b")}


@pytest.mark.parametrize("negatives", ["all", "other_sessions"])
def test_equals_cross_entropy_against_the_queue(negatives):
    """Samples 5 to 16; the queue holds 0 to 19, two to a session: own sample or own session are no negatives."""
    index = torch.arange(5, 17)
    value = loss_of(golden_values.filled_moco(negatives), X, index=index, session_id=index // 2)
    expected = golden_values.moco_by_row(index, negatives)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)  # the queue is float32 inside


def test_an_empty_queue_costs_nothing_and_keeps_the_graph():
    objective = built("moco", X, hidden_dim=8, dim=4, queue_size=16)
    value = loss_of(objective, X)
    assert value == 0
    value.backward()
    assert all(p.grad is not None for p in objective.projector.parameters())


def test_keys_of_all_views_enter_after_the_step_and_absent_ones_do_not():
    there = torch.arange(12) < 5
    objective = built("moco", X, hidden_dim=8, dim=4, queue_size=64)
    loss_of(objective, X, {"b": there})
    assert len(objective.queue.filled()[0]) == 0, "not before the step"
    objective.after_step(context({"a": info(torch.zeros(12, 1))}))
    rows, index, _ = objective.queue.filled()
    assert index.tolist() == [*range(12), *range(5)]
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(17).double(), rtol=1e-6, atol=0)


def test_needs_tell_the_trained_module_what_to_keep():
    needs = built("moco", X, queue_size=7).needs
    assert (needs.ema_parts, needs.queue) == (("projector",), 7)
