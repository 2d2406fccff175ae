from __future__ import annotations

import pytest
import torch
from references import alignment
from references.objective_batches import STEPS_X, STEPS_X2, STEPS_Y, frames, goldens, two_videos, unit, wave

from mvssl.objectives.lav import LAV


def test_equals_a_plain_loop():
    x, y = wave(12, 8, 0.0).requires_grad_(), wave(9, 8, 0.4).requires_grad_()
    batch = two_videos(x, y, STEPS_X, STEPS_Y, 40, 42)
    value = LAV(window_s=10.0, alpha=0.7, margin=1.5)(*batch)["loss"]
    tx, ty = (torch.tensor(s, dtype=torch.float64) for s in (STEPS_X, STEPS_Y))
    expected = alignment.lav(unit(x), unit(y), tx, ty, tx / 40, ty / 42, alpha=0.7, margin=1.5, window=10.0)
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=0)
    for mine, theirs in zip(*(torch.autograd.grad(v, (x, y)) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("other", ["Y(9)", "X2(12)"])
def test_goldens(goldens_root, other):
    golden = goldens(goldens_root)[f"LAV full loss X(12),{other}, num_frames 12"]
    n, shift, steps, length = (9, 0.4, STEPS_Y, 42) if other == "Y(9)" else (12, 1.1, STEPS_X2, 45)
    x, y = wave(12, 8, 0.0).requires_grad_(), wave(n, 8, shift).requires_grad_()
    value = LAV(window_s=10.0)(*two_videos(unit(x), unit(y), STEPS_X, steps, 40, length))["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, (x, y))]
    assert norms == pytest.approx(golden["grad_norm_raw"], rel=1e-9)


@pytest.mark.real_data
def test_intra_golden(goldens_root):
    golden = goldens(goldens_root)["LAV Contrastive_IDM of X, sum"]
    x = unit(wave(12, 8, 0.0))
    value = LAV(window_s=10.0)(*two_videos(x, x, STEPS_X, STEPS_X, 40, 40))["intra"].item() * 12 / 2
    assert value == pytest.approx(golden["value"], rel=1e-9)


def test_aligned_videos_cost_less_than_reversed_ones():
    x = unit(wave(12, 8, 0.0))
    forward = LAV(alpha=0.0)(*two_videos(x, x))["loss"]
    backward = LAV(alpha=0.0)(*two_videos(x, x.flip(0)))["loss"]
    assert forward < backward


def test_frames_are_read_in_time_order():
    x, y = unit(wave(12, 8, 0.0)), unit(wave(9, 8, 0.4))
    features, ctx = two_videos(x, y, STEPS_X, STEPS_Y, 40, 42)
    order = torch.tensor([5, 2, 0, 11, 1, 3, 4, 10, 6, 8, 7, 9])
    view = ctx.views["a"]
    shuffled = view._replace(time_s=view.time_s[:, order], mask=view.mask[:, order])
    value = LAV()({"a": frames(features["a"].frame[:, order])}, ctx._replace(views={"a": shuffled}))["loss"]
    torch.testing.assert_close(value, LAV()(features, ctx)["loss"], rtol=1e-12, atol=0)
