from __future__ import annotations

import pytest
import torch
from torch import nn

from mvssl.distributed import GlobalBatchNorm
from mvssl.objectives._ema import EMA, cosine_momentum


def test_momentum_rises_from_base_to_one_by_a_cosine():
    assert cosine_momentum(0.996, 0.0) == pytest.approx(0.996)
    assert cosine_momentum(0.996, 0.5) == pytest.approx(0.998)
    assert cosine_momentum(0.996, 1.0) == 1.0
    assert cosine_momentum(0.996, 1.1) == 1.0  # a run that is prolonged


def test_update_is_the_weighted_mean_and_the_limits_hold():
    source = nn.Linear(2, 2)
    copy = EMA(source)
    start = source.weight.detach().clone()
    with torch.no_grad():
        source.weight += 1.0
    copy.update(source, 1.0)
    assert torch.equal(copy.copy.weight, start)
    copy.update(source, 0.9)
    torch.testing.assert_close(copy.copy.weight, start + 0.1)
    copy.update(source, 0.0)
    torch.testing.assert_close(copy.copy.weight, source.weight)


def test_the_copy_has_no_gradient_and_its_own_batch_statistics():
    source = GlobalBatchNorm(2)
    copy = EMA(source)
    x = torch.linspace(-1, 1, 10).view(5, 2).requires_grad_()
    assert not copy(x).requires_grad
    assert not any(p.requires_grad for p in copy.parameters())
    source(x + 20.0)
    copy.update(source, 0.0)
    assert copy.copy.running_mean.abs().max() < 1.0 < source.running_mean.abs().max()


@pytest.mark.parametrize("mode", [True, False])
def test_the_copy_draws_nothing_and_its_batch_norm_learns_as_the_source_s_does(mode):
    copy = EMA(nn.Sequential(nn.Dropout(0.5), GlobalBatchNorm(4), nn.Dropout(0.5))).train(mode)
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    first, second = copy(x), copy(x)
    assert torch.equal(first, second)
    norm = copy.copy[1]
    assert norm.training == mode
    assert int(norm.num_batches_tracked) == (2 if mode else 0)
    if mode:
        torch.testing.assert_close(first, (x - x.mean(0)) / (x.var(0, unbiased=False) + norm.eps).sqrt())
