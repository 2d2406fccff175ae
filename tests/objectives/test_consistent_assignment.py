from __future__ import annotations

import math

import pytest
import torch
from references import golden_values
from references.contrast import ABC, loss_of, without_heads
from references.objective_batches import goldens

X = {name: ABC[name] for name in ("a", "b")}


def loss(x, balance=1.0, present=None):
    """The loss of logits: without projector, prototypes or temperature."""
    objective = without_heads("consistent_assignment", x, balance=balance, temperature=1.0, num_prototypes=8)
    objective.prototypes = torch.nn.Identity()
    return loss_of(objective, x, present)


@pytest.mark.real_data
def test_golden(goldens_root):
    ours, theirs = golden_values.consistent_assignment(goldens(goldens_root, "objectives.json"))
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("balance", [0.5, 2.0])
def test_what_each_kind_of_assignment_costs(balance):
    eye = torch.eye(8, dtype=torch.float64)
    kinds = {"sure and balanced": 1e3 * eye, "uniform": 0 * eye, "one prototype": 1e3 * eye[[0] * 8]}
    found = {kind: loss({"a": rows, "b": rows}, balance).item() for kind, rows in kinds.items()}
    assert found["sure and balanced"] == pytest.approx(0.0, abs=1e-9)
    assert found["uniform"] == pytest.approx(math.log(8), rel=1e-9)
    assert found["one prototype"] == pytest.approx(balance * math.log(8), rel=1e-9)


def test_every_view_counts_for_the_balance_and_only_whole_pairs_for_the_agreement():
    there = torch.arange(12) < 7
    value = loss(X, 2.0, {"b": there})
    p, q = X["a"].softmax(1), X["b"].softmax(1)
    mean = torch.cat([p, q[there]]).mean(0)
    expected = -(p * q).sum(1).log()[there].mean() + 2.0 * (math.log(8) + (mean * mean.log()).sum())
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
