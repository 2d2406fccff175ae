from __future__ import annotations

import pytest
import torch
from references import alignment
from references.objective_batches import goldens, two_videos, unit, wave

from mvssl.objectives._frames import ViewFrames
from mvssl.objectives.vava import VAVA, even_positions, intra_video


def view(z):
    n = len(z)
    return ViewFrames(z[None], torch.arange(n, dtype=torch.float64)[None] / 3, torch.ones(1, n, dtype=torch.bool))


def phi_at(step):
    return min(max(0.999 ** int((step + 1) ** 0.5), 0.001), 0.999)


def transport(x, y, best, phi):
    """Mine and the loop's, with the same partner positions ``best`` (1 = the virtual frame); the loop, as the port, divides
    by the size of the table."""
    a, b = view(x), view(y)
    centre = torch.tensor(best, dtype=torch.float64)[None]
    mine = VAVA().transport(a, b, even_positions(a), even_positions(b), centre, phi)
    return mine[0][0] / ((len(x) + 1) * (len(y) + 1)), mine[1][0], *alignment.vava_transport(x, y, best, phi)[:2]


@pytest.mark.parametrize("phi", [0.9, 0.001])
def test_transport_equals_a_plain_loop(phi):
    x, y = unit(wave(6, 8, 0.0)).requires_grad_(), unit(wave(9, 8, 0.4)).requires_grad_()
    value, plan, expected, expected_plan = transport(x, y, [4, 3, 7, 2, 9, 10], phi)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    torch.testing.assert_close(plan, expected_plan, rtol=1e-9, atol=1e-14)
    for mine, theirs in zip(*(torch.autograd.grad(v, (x, y)) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-12)


def test_intra_equals_a_plain_loop():
    z = unit(wave(20, 8, 0.0))
    value = intra_video(view(z), even_positions(view(z)), torch.tensor([15.0]))[0]
    torch.testing.assert_close(value, alignment.vava_intra(z, 15), rtol=1e-11, atol=0)


def test_the_whole_loss_is_its_parts():
    x, y = unit(wave(12, 8, 0.0)), unit(wave(9, 8, 0.4))
    out = VAVA(inter_weight=0.3)(*two_videos(x, y))
    nearest = alignment.squared(x, y).argmin(1)
    expected, plan, _ = alignment.vava_transport(x, y, [int(k) + 2 for k in nearest], phi_at(0))
    expected = expected * 13 * 10  # the loop divides by the size of the table
    assert out["transport"].item() == pytest.approx(expected.item(), rel=1e-9)
    intra = 0.5 * (alignment.vava_intra(x, 12 * 15 / 32) + alignment.vava_intra(y, 9 * 15 / 32))
    near = ((x - y[plan.argmax(1)]) ** 2).mean() + ((y - x[plan.argmax(0)]) ** 2).mean()
    far = ((x - y[plan.argmin(1)]) ** 2).mean() + ((y - x[plan.argmin(0)]) ** 2).mean()
    inter = torch.log1p(torch.exp((near - far) / 0.5))
    assert out["loss"].item() == pytest.approx((intra + expected / 33**2 + 0.3 * inter).item(), rel=1e-9)


@pytest.mark.parametrize("step", [0, 2, 3, 24, 10**6, 10**8])
def test_the_prior_moves_from_the_diagonal_to_the_nearest_frame_with_the_step(monkeypatch, step):
    objective, seen = VAVA(), []
    real = objective.transport
    monkeypatch.setattr(objective, "transport", lambda *about: seen.append(about[-1]) or real(*about))
    features, about = two_videos(unit(wave(6, 8, 0.0)), unit(wave(5, 8, 0.4)))
    objective(features, about._replace(step=step))
    assert seen == [pytest.approx(phi_at(step), rel=1e-12)]


@pytest.mark.real_data
@pytest.mark.parametrize("step", [0, 999999])
def test_transport_goldens(goldens_root, step):
    """The port expects the partner one frame too early: position k + 1 where the nearest frame k is at k + 2."""
    golden = goldens(goldens_root)[f"VAVA port, Sinkhorn term X(12),Y(9), global_step {step}"]
    raw = wave(12, 8, 0.0).requires_grad_(), wave(9, 8, 0.4).requires_grad_()
    x, y = unit(raw[0]), unit(raw[1])
    best = [int(k) + 1 for k in alignment.squared(x, y).argmin(1)]
    value = transport(x, y, best, phi_at(step))[0]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, raw)]
    assert norms == pytest.approx(golden["grad_norm_raw"], rel=1e-7)


@pytest.mark.real_data
@pytest.mark.parametrize("step", [0, 999999])
def test_full_golden_from_our_parts(goldens_root, step):
    """The port divides the transport by its size twice, and its inter-video value comes from kernel times cost."""
    golden = goldens(goldens_root)[f"VAVA port, full loss X20,Y20, global_step {step}"]
    x, y = unit(wave(20, 8, 0.0)), unit(wave(20, 8, 0.4))
    best = [int(k) + 1 for k in alignment.squared(x, y).argmin(1)]
    value = transport(x, y, best, phi_at(step))[0]
    intra = sum(intra_video(view(z), even_positions(view(z)), torch.tensor([15.0]))[0] for z in (x, y)) / 2
    inter = alignment.vava_port_inter(x, y, alignment.vava_transport(x, y, best, phi_at(step))[2])
    assert (intra + value / 400 + 1e-4 * inter).item() == pytest.approx(golden["value"], rel=1e-9)


@pytest.mark.parametrize("num_frames", [6, 16, 40])
def test_a_collapsed_embedding_costs_more_than_a_spread_one(num_frames):
    spread = torch.eye(num_frames, dtype=torch.float64)
    collapsed = torch.ones_like(spread) / num_frames**0.5
    assert VAVA()(*two_videos(collapsed, collapsed))["loss"] > VAVA()(*two_videos(spread, spread))["loss"]


def test_the_priors_prefer_order():
    x = unit(wave(16, 8, 0.0))
    _, plan, _, _ = transport(x, x, list(range(2, 18)), 0.9)
    assert (plan.argmax(1) == torch.arange(16)).float().mean() > 0.9


def test_the_transport_is_as_large_for_long_clips_as_for_short_ones():
    """A mean of squared distances: the same two curves sampled four and sixteen times as finely cost about as much."""
    values = []
    for num in (16, 64, 256):
        t = torch.linspace(0, 3, num, dtype=torch.float64)[:, None]
        x, y = (unit(torch.cat([torch.cos(t + shift), torch.sin(t), t], 1)) for shift in (0.0, 1.0))
        values.append(float(VAVA(pairs="all", order_weight=0.0)(*two_videos(x, y))["transport"]))
    assert max(values) / min(values) < 2
    assert min(values) > 0.02
