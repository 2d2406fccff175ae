from __future__ import annotations

import math

import pytest
import torch
from references.objective_batches import goldens, unit, wave

from mvssl.objectives._divergence import (
    biased_hsic,
    centred_cross,
    entropy_of_mean,
    group_sums,
    imq,
    imq_features,
    skew_renyi,
)

EYE = torch.eye(12, dtype=torch.bool)


def renyi(similarity, gamma, alpha):
    return skew_renyi(similarity[EYE], similarity[~EYE], gamma=gamma, alpha=alpha, bound=2.0)


def surrogate(similarity, gamma, alpha):
    """A loss with the same gradient: each pair times its detached weight."""
    positive, negative = similarity[EYE], similarity[~EYE]
    with torch.no_grad():
        first = ((gamma - 1) * positive).softmax(0)
        share = alpha * (gamma * positive).exp().mean(), (1 - alpha) * (gamma * negative).exp().mean()
        second = [((gamma * x).softmax(0), part / sum(share)) for x, part in zip((positive, negative), share)]
    return -(first * positive).sum() + sum((w * part * x).sum() for (w, part), x in zip(second, (positive, negative)))


@pytest.mark.real_data
@pytest.mark.parametrize("gamma", [1.0, 1.5, 2.0])
def test_renyi_golden(goldens_root, gamma):
    """The authors return a surrogate; its gradient is that of the divergence, its value only that of the surrogate."""
    golden = goldens(goldens_root, "objectives.json")
    similarity = (unit(wave(12, 8, 0.0)) @ unit(wave(12, 8, 0.4)).T / 0.5).requires_grad_()
    (grad,) = torch.autograd.grad(renyi(similarity, gamma, 1 / 64), similarity)
    assert grad.norm().item() == pytest.approx(golden[f"RenyiCL |grad wrt sim| gamma={gamma}"], rel=1e-9)
    value = surrogate(similarity, gamma, 1 / 64)
    assert value.item() == pytest.approx(golden[f"RenyiCL official surrogate gamma={gamma} alpha=1/64 t=.5"], rel=1e-9)
    torch.testing.assert_close(torch.autograd.grad(value, similarity)[0], grad, rtol=1e-9, atol=1e-15)


def test_renyi_is_continuous_at_gamma_one():
    similarity = 2 * wave(12, 12, 0.3)
    torch.testing.assert_close(renyi(similarity, 1.0001, 0.1), renyi(similarity, 1.0, 0.1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("gamma", [1.5, 2.0])
def test_renyi_is_bounded_and_perfect_separation_attains_the_bound(gamma):
    bound = -math.log(64) / gamma
    perfect = torch.where(EYE, 2.0, -60.0).double()
    assert renyi(perfect, gamma, 1 / 64).item() == pytest.approx(bound, rel=1e-9)
    assert renyi(2 * wave(12, 12, 0.3), gamma, 1 / 64).item() > bound
    assert renyi(torch.zeros(12, 12), gamma, 1 / 64).item() == pytest.approx(0.0, abs=1e-6)


def test_entropy_of_mean_takes_all_rows_of_all_tensors():
    p, q = wave(5, 4, 0.1).softmax(1), wave(3, 4, 0.7).softmax(1)
    mean = torch.cat([p, q]).mean(0)
    torch.testing.assert_close(entropy_of_mean(p, q), -(mean * mean.log()).sum(), rtol=1e-12, atol=0)
    assert entropy_of_mean(torch.eye(4)[[0, 0]]) == 0


@pytest.mark.parametrize("width", [0.3, 1.0, 2.0])
def test_random_features_are_the_kernel_in_the_mean(width):
    """40,000 features: standard error of a product below .01."""
    generator = torch.Generator().manual_seed(0)
    z, c = wave(6, 5, 0.2), torch.tensor(width).double()
    directions = torch.randn(40_000, 5, generator=generator, dtype=torch.float64)
    phi = imq_features(z, c, directions, torch.randn(40_000, generator=generator, dtype=torch.float64))
    exact = imq(torch.cdist(z, z).square(), c)
    torch.testing.assert_close(phi @ phi.T, exact, rtol=0, atol=0.03)
    torch.testing.assert_close((phi @ phi.T).diagonal(), torch.ones(6).double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("num_rows", [9, 3])
def test_hsic_of_features_is_that_of_their_linear_kernels(num_rows):
    phi, other = wave(num_rows, 4, 0.2), wave(num_rows, 3, 0.9)
    h = torch.eye(num_rows, dtype=torch.float64) - 1.0 / num_rows
    expected = torch.trace(phi @ phi.T @ h @ other @ other.T @ h) / num_rows**2
    torch.testing.assert_close(centred_cross(phi, other), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(biased_hsic(phi @ phi.T, other @ other.T), expected, rtol=1e-9, atol=0)


def test_group_sums():
    rows = torch.arange(8.0).view(4, 2)
    assert group_sums(rows, torch.tensor([7, 3, 7, 7])).tolist() == [[2.0, 3.0], [10.0, 13.0]]
