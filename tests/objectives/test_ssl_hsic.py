from __future__ import annotations

import math

import pytest
import torch
from references import golden_values
from references.contrast import ABC, built, loss_of, without_heads
from references.objective_batches import clips, goldens, unit

X = {name: ABC[name] for name in ("a", "b")}


def exact(x, present=None, gamma=3.0, **more):
    objective = without_heads("ssl_hsic", x, gamma=gamma, num_features=0)
    return loss_of(objective, x, present, **more)


def by_loop(views, sample, gamma=3.0, width=1.0):
    """HSIC by double loops over all rows; ``views`` is (n, D) of all rows, ``sample`` (n,)."""
    n = len(views)
    k = torch.stack([torch.stack([width / (width**2 + (x - y).square().sum()).sqrt() for y in views]) for x in views])
    same = torch.stack([k[i, j] for i in range(n) for j in range(n) if i != j and sample[i] == sample[j]]).mean()
    h = (torch.eye(n) - torch.full((n, n), 1.0 / n)).double()
    return gamma * (torch.trace(k @ h @ k @ h) / n**2 + 1e-8).sqrt() - (same - k.mean())


@pytest.mark.real_data
def test_golden(goldens_root):
    golden = goldens(goldens_root, "objectives.json")
    ours, theirs = golden_values.ssl_hsic(golden)
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert exact({"a": X["a"]}, gamma=0.0, target={"a": clips(X["b"])}).item() == pytest.approx(
        -golden["own SSL-HSIC exact IMQ c=1: HSIC_zy(offdiag)"], rel=1e-9
    )


def test_equals_the_loop_with_three_views_of_which_one_is_absent():
    there = torch.arange(12) % 3 != 0
    rows = torch.cat([unit(ABC["a"]), unit(ABC["b"]), unit(ABC["c"])[there]] * 2)
    sample = torch.cat([torch.arange(12), torch.arange(12), torch.arange(12)[there]] * 2).tolist()
    torch.testing.assert_close(exact(ABC, {"c": there}), by_loop(rows, sample), rtol=1e-7, atol=0)


@pytest.mark.parametrize("session", [list(range(12)), [0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7]])
def test_random_features_agree_with_the_kernel(session):
    ids = torch.tensor(session)
    values = []
    for seed in range(20):
        objective = without_heads("ssl_hsic", X, num_features=2000, gamma=0.0, dim=8)
        values.append(loss_of(objective, X, session_id=ids, generator=torch.Generator().manual_seed(seed)))
    assert len({value.item() for value in values}) == 20, "drawn afresh"
    expected = exact(X, gamma=0.0, session_id=ids)
    torch.testing.assert_close(torch.stack(values).mean(), expected, rtol=0, atol=0.01)
    spread = loss_of(without_heads("ssl_hsic", X, num_features=20_000, gamma=3.0, dim=8), X, session_id=ids)
    torch.testing.assert_close(spread, exact(X, session_id=ids), rtol=0, atol=0.02)


def test_one_session_at_a_time_compares_samples_of_others_only():
    session = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    rows = torch.cat([unit(X["a"]), unit(X["b"])] * 2)
    k = 1 / (1 + torch.cdist(rows, rows).square()).sqrt()
    sample, of = torch.arange(12).repeat(4), session.repeat(4)
    same = sample[:, None] == sample
    overall = k[same | (of[:, None] != of)].mean()
    expected = -(k[same & ~torch.eye(48, dtype=torch.bool)].mean() - overall)
    value = exact(X, gamma=0.0, session_id=session)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)


def test_collapse_is_finite_and_costs_more_than_separation():
    one = torch.ones(6, 8, dtype=torch.float64).requires_grad_()
    collapsed = exact({"a": one, "b": one}, gamma=1.0)
    assert torch.isfinite(torch.autograd.grad(collapsed, one)[0]).all()
    apart = torch.eye(8, dtype=torch.float64)[:6]
    assert exact({"a": apart, "b": apart}, gamma=1.0) < collapsed - 0.02


def test_width_is_learnt_by_ascent_in_a_group_of_its_own():
    """All squared distances are 2, so the best width is 1; the loss itself does not depend on the step of the width."""
    apart = {name: torch.eye(6, dtype=torch.float64) for name in ("a", "b")}
    objective = without_heads("ssl_hsic", apart, num_features=0, width=0.4, dim=6, width_lr=0.05)
    rest, width = objective.param_groups()
    assert width["params"] == [objective.log_width]
    assert width["maximize"] is True
    assert all(p is not objective.log_width for p in rest["params"])
    optimiser = torch.optim.Adam([width], lr=1.0)
    for _ in range(100):
        optimiser.zero_grad()
        loss_of(objective, apart).backward()
        optimiser.step()
    assert objective.log_width.exp().item() == pytest.approx(1.0, rel=1e-2)


def test_the_width_of_the_loss_carries_no_gradient():
    """The gradient of the width is that of the criterion alone: mean of 1 - 3 c^2 / (c^2 + s) for log c."""
    objective = without_heads("ssl_hsic", X, num_features=0, width=0.7)
    loss_of(objective, X).backward()
    z = unit(X["a"])
    squared = torch.cdist(z, z).square()[~torch.eye(12, dtype=torch.bool)]
    expected = (1 - 3 * 0.49 / (0.49 + squared)).mean()
    torch.testing.assert_close(objective.log_width.grad, expected, rtol=1e-6, atol=1e-9)


def test_heads_and_targets():
    objective = built("ssl_hsic", X, hidden_dim=8, dim=4)
    loss_of(objective, X).backward()
    assert all(p.grad is None for p in objective.target.parameters())
    assert all(p.grad is not None for p in (*objective.predictor.parameters(), *objective.projector.parameters()))
    assert objective.log_width.item() == pytest.approx(math.log(1.0))
