from __future__ import annotations

import pytest
import torch
from references.contrast import ABC, built, loss_of, without_heads
from references.objective_batches import unit

X = {name: ABC[name] for name in ("a", "b")}


def by_formula(q, k, negative, gamma=2.0, alpha=1 / 4096):
    s = q @ k.T / 0.5
    positive, negative = s.diagonal(), s[negative]
    first = ((gamma - 1) * positive).exp().mean().log() / (gamma - 1)
    return (
        alpha * (gamma * positive).exp().mean() + (1 - alpha) * (gamma * negative).exp().mean()
    ).log() / gamma - first


def test_equals_the_formula_over_the_whole_batch():
    a, b, off = unit(X["a"]), unit(X["b"]), ~torch.eye(12, dtype=torch.bool)
    expected = (by_formula(a, b, off) + by_formula(b, a, off)) / 2
    torch.testing.assert_close(loss_of(without_heads("renyicl", X), X), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("negatives", ["all", "other_sessions"])
def test_negatives_leave_out_the_session_unless_asked(negatives):
    session = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    a, b, off = unit(X["a"]), unit(X["b"]), ~torch.eye(12, dtype=torch.bool)
    if negatives == "other_sessions":
        off = session[:, None] != session
    expected = (by_formula(a, b, off) + by_formula(b, a, off)) / 2
    value = loss_of(without_heads("renyicl", X, negatives=negatives), X, session_id=session)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)


def test_absent_views_are_left_out():
    there = torch.arange(12) % 3 != 0
    part = {name: value[there] for name, value in X.items()}
    value = loss_of(without_heads("renyicl", X), X, {"b": there})
    torch.testing.assert_close(value, loss_of(without_heads("renyicl", part), part), rtol=1e-10, atol=0)


def test_keys_get_no_gradient():
    objective = built("renyicl", X, hidden_dim=8, dim=4)
    loss_of(objective, X).backward()
    assert all(p.grad is None for p in objective.target.parameters())
    assert all(p.grad is not None for p in objective.predictor.parameters())
