from __future__ import annotations

import math

import pytest
import torch
from references import golden_values
from references.contrast import ABC, built, loss_of, without_heads
from references.objective_batches import goldens

from mvssl.objectives.twist import twin_terms

X = {name: ABC[name] for name in ("a", "b")}


def by_formula(a, b, eps=0.0):
    """The authors add ``eps`` to what they take the logarithm of."""
    p, q = a.softmax(1), b.softmax(1)

    def entropy(x):
        return -(x * (x + eps).log()).sum(-1)

    def divergence(x, y):
        return (x * ((x + eps).log() - (y + eps).log())).sum(1).mean()

    return (
        (divergence(p, q) + divergence(q, p)) / 2,
        (entropy(p).mean() + entropy(q).mean()) / 2,
        (entropy(p.mean(0)) + entropy(q.mean(0))) / 2,
    )


@pytest.mark.real_data
def test_golden(goldens_root):
    """The formula with the authors' 1e-5 gives their numbers; without it, ours."""
    golden = goldens(goldens_root, "objectives.json")
    theirs = by_formula(X["a"], X["b"], eps=1e-5)
    for value, key in zip(theirs, ("kl", "eh", "he"), strict=True):
        assert value.item() == pytest.approx(golden[f"TWIST official {key}"], rel=1e-9)
    assert sum(theirs[:2]) - theirs[2] == pytest.approx(golden["TWIST official final"], rel=1e-9)
    ours, official = golden_values.twist(golden)
    assert ours == pytest.approx(official, rel=1e-3)


def test_equals_the_formula():
    for mine, theirs in zip(twin_terms(X["a"], X["b"]), by_formula(X["a"], X["b"]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=0)
    divergence, entropy, mean = by_formula(X["a"] / 0.5, X["b"] / 0.5)
    value = loss_of(without_heads("twist", X, temperature=0.5, sharpness=-0.6, diversity=0.7), X)
    torch.testing.assert_close(value, divergence + 0.4 * entropy - 0.7 * mean, rtol=1e-12, atol=0)


def test_best_and_collapsed():
    sure = 1e3 * torch.eye(8, dtype=torch.float64)
    best = loss_of(without_heads("twist", {"a": sure, "b": sure}), {"a": sure, "b": sure})
    assert best.item() == pytest.approx(-math.log(8), rel=1e-9)
    one = 1e3 * torch.eye(8, dtype=torch.float64)[[0] * 8]
    collapsed = loss_of(without_heads("twist", {"a": one, "b": one}), {"a": one, "b": one}).item()
    assert collapsed == pytest.approx(0.0, abs=1e-9)


def test_the_head_ends_in_a_norm_without_scale():
    objective = built("twist", X, hidden_dim=8, num_classes=4)
    there = torch.ones(12, dtype=torch.bool)
    logits = objective.head({"a": X["a"]}, {"a": there})["a"]
    torch.testing.assert_close(logits.mean(0), torch.zeros(4).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(logits.var(0, unbiased=False), torch.ones(4).double(), rtol=1e-2, atol=0)
    assert objective.head.heads[0][-1].weight is None
