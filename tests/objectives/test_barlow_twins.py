from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, loss_of, without_heads
from references.objective_batches import goldens, wave

X = {name: ABC[name] for name in ("a", "b")}


def loss(x, present=None, **more):
    return loss_of(without_heads("barlow_twins", x, dim=next(iter(x.values())).shape[1], **more), x, present)


@pytest.mark.real_data
def test_golden(goldens_root):
    ours, theirs = golden_values.barlow_twins(goldens(goldens_root, "objectives.json"))
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_equals_the_formula():
    normed = [(x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() for x in X.values()]
    c = normed[0].T @ normed[1] / 12
    expected = sum((1 - c[i, i]) ** 2 if i == j else 0.0051 * c[i, j] ** 2 for i in range(8) for j in range(8))
    torch.testing.assert_close(loss(X), expected, rtol=1e-10, atol=0)


def whitened():
    return torch.linalg.qr(wave(12, 4, 0.3) - wave(12, 4, 0.3).mean(0))[0] * 12**0.5


def test_identical_whitened_views_cost_nothing():
    assert loss({"a": whitened(), "b": whitened()}) < 1e-8


def test_scale_and_shift_of_a_dimension_change_nothing():
    moved = {"a": X["a"] * torch.arange(1.0, 9.0).double() + 3.0, "b": X["b"]}
    torch.testing.assert_close(loss(moved), loss(X), rtol=1e-3, atol=0)  # but for the 1e-5 in the variance


def test_strangers_cost_about_one_a_dimension():
    independent = {"a": whitened(), "b": whitened().roll(5, 0)}
    assert loss(independent, redundancy=0.0) > 3.0


def test_rows_without_both_views_are_left_out():
    there = torch.arange(12) % 4 != 1
    part = {name: value[there] for name, value in X.items()}
    torch.testing.assert_close(loss(X, {"a": there}), loss(part), rtol=1e-12, atol=0)


def test_scale():
    torch.testing.assert_close(loss(X, scale=0.25), 0.25 * loss(X), rtol=1e-12, atol=0)
