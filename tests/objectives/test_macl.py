from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, loss_of, nt_xent_loop, without_heads
from references.objective_batches import goldens, unit

X = {name: ABC[name] for name in ("a", "b")}


def loops(temperature):
    return torch.stack(nt_xent_loop([*unit(X["a"]), *unit(X["b"])], [*range(12)] * 2, [*range(12)] * 2, temperature))


@pytest.mark.real_data
def test_golden(goldens_root):
    ours, theirs = golden_values.macl(goldens(goldens_root, "objectives.json"))
    assert ours == pytest.approx(theirs, rel=1e-7)


def test_equals_the_formula_and_neither_weight_nor_temperature_carry_a_gradient():
    leaves = {name: value.clone().requires_grad_() for name, value in X.items()}
    value = loss_of(without_heads("macl", X, temperature=0.2, alpha=0.7, threshold=0.1), leaves)
    agreement = (unit(X["a"]) * unit(X["b"])).sum(1).mean().item()
    temperature = 0.2 * (1 + 0.7 * (agreement - 0.1))
    rows = [*unit(leaves["a"]), *unit(leaves["b"])]
    terms = torch.stack(nt_xent_loop(rows, [*range(12)] * 2, [*range(12)] * 2, temperature))
    expected = (terms / (1 - (-terms.detach()).exp())).mean()
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=0)
    for name in X:
        mine, theirs = (torch.autograd.grad(v, leaves[name], retain_graph=True)[0] for v in (value, expected))
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-12)


def test_hot_and_fixed_it_is_nt_xent_times_a_constant():
    value = loss_of(without_heads("macl", X, temperature=1e4, alpha=0.0), X)
    torch.testing.assert_close(value, loops(1e4).mean() * 23 / 22, rtol=1e-4, atol=0)  # 2N - 1 rows, 2N - 2 negatives


def test_perfect_rows_stay_finite():
    same = torch.eye(6).double().requires_grad_()
    value = loss_of(without_heads("macl", {"a": same, "b": same}, temperature=0.01), {"a": same, "b": same})
    assert torch.isfinite(value)
    assert torch.isfinite(torch.autograd.grad(value, same)[0]).all()
