from __future__ import annotations

import pytest
import torch
from references.alignment import dtw_table
from references.objective_batches import goldens, unit, wave

from mvssl.objectives._pairs import squared_distance
from mvssl.objectives._smooth_dtw import last_cell, smooth_dtw


def costs(p, t, s, seed=0):
    return torch.rand(p, t, s, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2


@pytest.mark.parametrize("kind", ["soft", "mean"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 7), (7, 4)])
def test_table_and_gradient_equal_a_plain_loop(kind, shape):
    cost = costs(2, *shape).requires_grad_()
    table = smooth_dtw(cost, 0.3, kind)
    expected = torch.stack([dtw_table(c, 0.3, kind) for c in cost])
    torch.testing.assert_close(table, expected, rtol=1e-12, atol=1e-12)
    weight = costs(2, *shape, seed=1)
    mine, theirs = (torch.autograd.grad((x * weight).sum(), cost)[0] for x in (table, expected))
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["soft", "mean"])
def test_gradcheck(kind):
    cost = costs(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: smooth_dtw(c, 0.5, kind), (cost,))


def test_small_gamma_is_the_hard_minimum():
    cost = costs(1, 6, 5)
    hard = torch.full((7, 6), torch.inf, dtype=torch.float64)
    hard[0, 0] = 0
    for i in range(6):
        for j in range(5):
            hard[i + 1, j + 1] = cost[0, i, j] + min(hard[i, j], hard[i, j + 1], hard[i + 1, j])
    for kind in ("soft", "mean"):
        torch.testing.assert_close(smooth_dtw(cost, 1e-6, kind)[0], hard[1:, 1:], rtol=1e-4, atol=1e-4)


def test_padding_at_the_end_changes_nothing():
    cost = costs(1, 6, 5).requires_grad_()
    short = smooth_dtw(cost[:, :4, :3].contiguous(), 0.1)[0, -1, -1]
    long = last_cell(smooth_dtw(cost, 0.1), torch.tensor([4]), torch.tensor([3]))[0]
    assert torch.equal(short, long)
    grad = torch.autograd.grad(long, cost)[0]
    assert grad[:, 4:].abs().max() == 0
    assert grad[:, :, 3:].abs().max() == 0


def test_a_gamma_too_small_for_float32_stays_finite():
    cost = (costs(1, 40, 40) * 50).float().requires_grad_()
    value = smooth_dtw(cost, 1e-3)[0, -1, -1]
    assert torch.isfinite(value)
    assert torch.isfinite(torch.autograd.grad(value, cost)[0]).all()


@pytest.mark.real_data
@pytest.mark.parametrize("gamma", ["0.01", ".1", "1"])
def test_soft_dtw_goldens(goldens_root, gamma):
    golden = goldens(goldens_root)[f"soft-DTW gamma {gamma}, 12x9 squared Euclid, unit"]
    x, y = unit(wave(12, 8, 0.0)), unit(wave(9, 8, 0.4))
    cost = squared_distance(x[None], y[None]).requires_grad_()
    value = smooth_dtw(cost, float(gamma))[0, -1, -1]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    grad = torch.autograd.grad(value, cost)[0]
    assert grad.norm().item() == pytest.approx(golden["grad_norm_wrt_cost"], rel=1e-8)


@pytest.mark.real_data
@pytest.mark.parametrize("kind,name", [("mean", "dtw_prob"), ("soft", "dtw_minGamma")])
def test_contrastive_cost_goldens(goldens_root, kind, name):
    golden = goldens(goldens_root)[f"GTA smoothDTW(X,Y) last cell, {name}"]
    x, y = unit(wave(12, 8, 0.0)).requires_grad_(), unit(wave(9, 8, 0.4)).requires_grad_()
    value = smooth_dtw(-(x @ y.T / 0.1).log_softmax(0)[None], 0.1, kind)[0, -1, -1]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, (x, y))]
    assert norms == pytest.approx(golden["grad_norm"], rel=1e-9)
