from __future__ import annotations

import math

import pytest
import torch
from references import alignment
from references.objective_batches import context, frames, goldens, info, smooth, unit, wave

from mvssl.objectives.tcn import TCN


def neighbours(z, mask=None, **parameters):
    time_s = torch.arange(z.shape[1], dtype=torch.float64).expand(len(z), -1)
    return TCN(**parameters)({"a": frames(z)}, context({"a": info(time_s, mask)}))


def test_equals_a_plain_loop_whatever_the_lengths():
    z = smooth(3, 9, 5).requires_grad_()
    mask = torch.arange(9) < torch.tensor([9, 6, 3])[:, None]  # the third has one pair: left out
    value = neighbours(z, mask)["loss"]
    expected = (alignment.tcn(z[0, :8]) + alignment.tcn(z[1, :6])) / 2
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    mine, theirs = (torch.autograd.grad(v, z)[0] for v in (value, expected))
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["raw", "unit"])
def test_goldens(goldens_root, kind):
    golden = goldens(goldens_root)[f"TCN n-pairs X(12), {kind}"]
    raw = wave(12, 8, 0.0).requires_grad_()
    value = neighbours((raw if kind == "raw" else unit(raw))[None], normalise=kind == "unit")["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norm = torch.autograd.grad(value, raw)[0].norm().item()
    assert norm == pytest.approx(golden["grad_norm" if kind == "raw" else "grad_norm_raw"][0], rel=1e-9)


def test_views_pair_the_same_instants():
    a, b = smooth(2, 4, 6, seed=1), smooth(2, 5, 6, seed=2)
    time_a = torch.tensor([[0.0, 1.0, 2.0, 3.0]] * 2)
    time_b = torch.tensor([[3.01, 0.5, 1.02, 9.0, 0.01]] * 2)  # 0, 1 and 3 s are there, 2 s is not
    ctx = context({"a": info(time_a), "b": info(time_b)})
    objective = TCN(positives="views", norm_weight=0.0, tolerance_s=0.05)
    value = objective({"a": frames(a), "b": frames(b)}, ctx)["loss"]
    x, y = a[:, [0, 1, 3]], b[:, [4, 2, 0]]
    logits = x @ y.transpose(1, 2)
    target = torch.arange(3).expand(2, 3)
    both = [torch.nn.functional.cross_entropy(m.flatten(0, 1), target.flatten()) for m in (logits, logits.mT)]
    torch.testing.assert_close(value, sum(both) / 2, rtol=1e-12, atol=0)


def test_a_collapsed_embedding_costs_log_of_the_pairs():
    out = neighbours(torch.ones(1, 10, 4, dtype=torch.float64), norm_weight=0.0)
    assert out["loss"].item() == pytest.approx(math.log(5), rel=1e-12)
