from __future__ import annotations

import numpy as np
import pytest
import torch
from references.objective_batches import context, frames, info, smooth, unit
from torch.nn import functional as F

from mvssl.dtw import dtw
from mvssl.errors import ConfigError
from mvssl.objectives._frames import ViewFrames
from mvssl.objectives._warp import global_quantile, trimmed, warp
from mvssl.objectives.carl import CARL
from mvssl.objectives.weak_carl import WeakCARL


def moment(time_s):
    """A smooth unit embedding of the moment of an action: (..., 16)."""
    rate = torch.linspace(0.5, 3, 8, dtype=torch.float64)
    return unit(torch.cat([torch.sin(time_s[..., None] * rate), torch.cos(time_s[..., None] * rate)], -1))


def sequence(time_s, action_s, mask=None):
    valid = torch.ones_like(time_s, dtype=torch.bool) if mask is None else mask
    return ViewFrames(moment(action_s)[None], time_s[None], valid[None])


def test_a_known_warp_is_recovered_in_seconds():
    """The other video shows the same action 1.5 times as fast, from 0.6 s of it on."""
    x_time = torch.linspace(0, 4, 81, dtype=torch.float64)
    y_time = torch.linspace(0, 2, 61, dtype=torch.float64)
    found = warp(sequence(x_time, x_time), sequence(y_time, 0.6 + 1.5 * y_time))
    expected = 0.6 + 1.5 * y_time
    matched = found.matched_y[0]
    assert matched.float().mean() > 0.95
    assert (found.time_on_x_s[0] - expected)[matched].abs().max() < 0.06  # about a frame
    early, late = x_time < 0.5, x_time > 3.7  # the other video does not show these
    assert not found.matched_x[0, early].any()
    assert not found.matched_x[0, late].any()


def test_warp_reads_valid_frames_only():
    x_time = torch.linspace(0, 2, 21, dtype=torch.float64)
    mask = torch.arange(21) < 12
    found = warp(sequence(x_time, x_time), sequence(x_time, x_time, mask))
    short = warp(sequence(x_time, x_time), sequence(x_time[:12], x_time[:12]))
    assert torch.equal(found.time_on_x_s[0, :12], short.time_on_x_s[0])
    assert not found.matched_y[0, 12:].any()
    assert torch.equal(found.cost, short.cost)


def test_standing_still_at_the_ends_is_cut_to_the_cheapest_cell():
    rows, columns = np.array([0, 1, 2, 3, 4, 4, 4]), np.array([0, 0, 0, 1, 2, 3, 4])
    cost = np.ones((5, 5))
    cost[2, 0] = cost[4, 3] = 0.1
    kept = trimmed(rows, columns, cost)
    assert kept[0].tolist() == [2, 3, 4, 4]
    assert kept[1].tolist() == [0, 1, 2, 3]
    still = trimmed(np.zeros(3, int), np.arange(3), np.array([[0.3, 0.1, 0.2]]))
    assert (still[0].tolist(), still[1].tolist()) == ([0], [1])


def test_quantile_counts_all_and_stands_empty():
    assert global_quantile(torch.tensor([3.0, 1.0, 2.0]), 0.5) == 2
    assert global_quantile(torch.zeros(0), 0.5) == torch.inf


def batch(label, progress=0.5, size=4, num=9):
    time_s = torch.linspace(0, 2, num, dtype=torch.float64).expand(size, num)
    x = {v: smooth(size, num, 6, seed=i).requires_grad_() for i, v in enumerate("ab")}
    ctx = context({v: info(time_s) for v in "ab"}, label=torch.tensor(label), progress=progress)
    return x, {v: frames(value) for v, value in x.items()}, ctx


def loop(x, pairs, sigma_s):
    """Mean divergence over the pairs of videos, from the path of ``mvssl.dtw``, by loops."""
    time = np.linspace(0, 2, 9)
    terms = []
    for v in "ab":
        z = F.normalize(x[v], dim=-1)
        for g, h in pairs:
            cost = 1 - (z[g] @ z[h].T).detach().numpy()
            path = dtw(cost, open_ends=True)
            path = path._replace(**dict(zip(("reference", "query"), trimmed(*path[:2], cost), strict=True)))
            for one, two, cells_one, cells_two in (
                (g, h, path.reference, path.query),
                (h, g, path.query, path.reference),
            ):
                on_one = {j: time[cells_one[cells_two == j]].mean() for j in set(cells_two.tolist())}
                for i in sorted(set(cells_one.tolist())):
                    log_p = (z[one][i] @ z[two][list(on_one)].T / 0.1).log_softmax(0)
                    weight = torch.tensor([np.exp(-((time[i] - t) ** 2) / (2 * sigma_s**2)) for t in on_one.values()])
                    target = weight / weight.sum()
                    terms.append((target * (target.log() - log_p)).sum())
    return torch.stack(terms).mean()


def test_equals_a_plain_loop():
    x, features, ctx = batch([0, 1, 0, -1])
    objective = WeakCARL(projection="none", sigma_s=0.3, weak_weight=0.5, cost_quantile=1.0)
    out = objective(features, ctx)
    carl = CARL(projection="none", sigma_s=0.3)(features, ctx)["loss"]
    expected = carl + 0.5 * loop(x, [(0, 2)], 0.3)
    torch.testing.assert_close(out["loss"], expected, rtol=1e-10, atol=0)
    for mine, theirs in zip(*(torch.autograd.grad(v, list(x.values())) for v in (out["loss"], expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-12)
    assert out["weak_pairs"] == 2  # one pair of samples, in both views


def test_the_dearest_pairs_are_dropped_and_counted():
    x, features, ctx = batch([0, 0, 0, 0])
    keep_all = WeakCARL(projection="none", cost_quantile=1.0)(features, ctx)
    some = WeakCARL(projection="none", cost_quantile=0.5)(features, ctx)
    assert (keep_all["weak_pairs"], keep_all["weak_pairs_dropped"]) == (12, 0)
    assert (some["weak_pairs"], some["weak_pairs_dropped"]) == (6, 6)
    assert some["loss"] != keep_all["loss"]


def test_warm_up_and_missing_labels_leave_carl_alone():
    for label, progress in (([0, 0, 0, 0], 0.1), ([-1, -1, -1, -1], 0.5), ([0, 1, 2, 3], 0.5)):
        x, features, ctx = batch(label, progress)
        out = WeakCARL(projection="none")(features, ctx)
        torch.testing.assert_close(out["loss"], CARL(projection="none")(features, ctx)["loss"], rtol=1e-13, atol=0)


def aligned_after_training(weak_weight, seed):
    """Two videos of one action, the second 1.5 times as fast, each with its own look. Returns the mean error in seconds of
    nearest neighbours across them, and how many frames the path still matches."""
    generator = torch.Generator().manual_seed(seed)
    num = 24
    time_s = torch.stack([torch.linspace(0, 3, num), torch.linspace(0, 2, num)]).double()
    action = time_s * torch.tensor([[1.0], [1.5]])
    x = (moment(action) + 0.3 * torch.randn(2, 1, 16, generator=generator, dtype=torch.float64)).float()
    torch.manual_seed(seed)
    encoder = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8))
    objective = WeakCARL(projection="none", sigma_s=0.2, weak_weight=weak_weight, cost_quantile=1.0, warm_up=0.5)
    optimiser = torch.optim.Adam(encoder.parameters(), 1e-2)
    for step in range(100):
        noisy = {v: frames(encoder(x + 0.1 * torch.randn(x.shape, generator=generator))) for v in "ab"}
        ctx = context({v: info(time_s) for v in "ab"}, label=torch.zeros(2, dtype=torch.long), progress=step / 100)
        optimiser.zero_grad()
        objective(noisy, ctx)["loss"].backward()
        optimiser.step()
    z = F.normalize(encoder(x), dim=-1).detach()
    sides = [ViewFrames(z[i : i + 1], time_s[i : i + 1], torch.ones(1, num, dtype=torch.bool)) for i in range(2)]
    error = (action[1][(z[0] @ z[1].T).argmax(1)] - action[0]).abs().mean().item()
    return error, int(warp(*sides).matched_x.sum())


def test_training_brings_the_same_moments_of_two_videos_together():
    weak, alone = ([aligned_after_training(w, seed) for seed in range(3)] for w in (1.0, 0.0))
    assert np.mean([error for error, _ in weak]) < 0.1
    assert np.mean([error for error, _ in weak]) < 0.85 * np.mean([error for error, _ in alone])
    assert min(matched for _, matched in weak) >= 20  # the path does not shrink


def test_bad_values_are_named():
    with pytest.raises(ConfigError, match="shares, got 2"):
        WeakCARL(warm_up=2.0)
