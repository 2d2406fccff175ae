from __future__ import annotations

import pytest
import torch
from references import alignment
from references.objective_batches import goldens, two_videos, unit, wave

from mvssl.objectives.gta import GTA


@pytest.mark.parametrize("kind", ["mean", "soft"])
def test_equals_a_plain_loop(kind):
    x, y = wave(7, 8, 0.0).requires_grad_(), wave(9, 8, 0.4).requires_grad_()
    value = GTA(minimum=kind)(*two_videos(x, y))["loss"]
    rows, cost = alignment.gta(unit(x), unit(y), kind)
    expected = rows.mean() + 0.1 * cost
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=0)
    for mine, theirs in zip(*(torch.autograd.grad(v, (x, y)) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-11)


@pytest.mark.real_data
def test_golden(goldens_root):
    golden = goldens(goldens_root)["GTA loss (cycle CE + .1 DTW(x,y) + .1 DTW(y,x))"]
    x, y = wave(12, 8, 0.0).requires_grad_(), wave(9, 8, 0.4).requires_grad_()
    value = GTA()(*two_videos(unit(x), unit(y)))["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, (x, y))]
    assert norms == pytest.approx(golden["grad_norm_raw"], rel=1e-9)


def test_a_video_and_itself_align_better_than_with_its_reverse():
    x = unit(wave(12, 8, 0.0))
    forward, backward = GTA()(*two_videos(x, x)), GTA()(*two_videos(x, x.flip(0)))
    assert forward["loss"] < backward["loss"]
    assert forward["cycle"] < backward["cycle"]
