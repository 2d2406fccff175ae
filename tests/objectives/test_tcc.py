from __future__ import annotations

import pytest
import torch
from references.alignment import tcc_rows
from references.objective_batches import (
    STEPS_X,
    STEPS_Y,
    context,
    frames,
    goldens,
    info,
    smooth,
    two_videos,
    unit,
    wave,
)

from mvssl.errors import InputError
from mvssl.objectives.tcc import TCC

IRREGULAR = {"steps_x": STEPS_X, "steps_y": STEPS_Y, "length_x": 40, "length_y": 42}


def inputs(kind):
    x, y = wave(12, 8, 0.0).requires_grad_(), wave(9, 8, 0.4).requires_grad_()
    return ((x, y), (x, y)) if kind == "raw" else ((x, y), (unit(x), unit(y)))


@pytest.mark.parametrize("loss", ["regression_mse_var", "regression_mse", "regression_huber", "classification"])
def test_equals_a_plain_loop(loss):
    leaves, (x, y) = inputs("raw")
    value = TCC(loss=loss)(*two_videos(x, y, **IRREGULAR))["loss"]
    place = [torch.tensor(STEPS_X) / 40.0, torch.tensor(STEPS_Y) / 42.0]
    rows = tcc_rows(x, y, place[0].double(), loss, 0.1) + tcc_rows(y, x, place[1].double(), loss, 0.1)
    expected = torch.stack(rows).mean()
    torch.testing.assert_close(value, expected, rtol=1e-7, atol=0)  # times such as 3 / 40 are float32 in the loop
    for mine, theirs in zip(*(torch.autograd.grad(v, leaves) for v in (value, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["raw", "unit"])
@pytest.mark.parametrize("steps", ["steps=0..n-1", "irregular steps"])
def test_regression_goldens(goldens_root, kind, steps):
    entry = f"own TCC regression_mse_var both directions, mean over 21 rows, {steps}, {kind}, no smoothing"
    golden = goldens(goldens_root)[entry]
    leaves, (x, y) = inputs(kind)
    value = TCC()(*two_videos(x, y, **(IRREGULAR if steps.startswith("irr") else {})))["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    norms = [g.norm().item() for g in torch.autograd.grad(value, leaves)]
    assert norms == pytest.approx(golden["grad_norm" if kind == "raw" else "grad_norm_raw"], rel=1e-9)


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["raw", "unit"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classification_goldens(goldens_root, kind, smoothing):
    tail = "no smoothing" if smoothing == 0 else "label smoothing .1 (Keras: (1-ls) onehot + ls/n)"
    golden = goldens(goldens_root)[f"own TCC classification both directions, mean over 21 rows, {kind}, {tail}"]
    _, (x, y) = inputs(kind)
    value = TCC(loss="classification", label_smoothing=smoothing)(*two_videos(x, y))["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)


@pytest.mark.real_data
def test_batch_of_three_golden(goldens_root):
    golden = goldens(goldens_root)["CARL TCC regression_mse_var batch of 3, all ordered pairs, raw, label smoothing 0"]
    steps = torch.tensor(
        [STEPS_X, [2, 4, 7, 11, 15, 18, 23, 26, 30, 35, 38, 41], [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34]]
    )
    z = wave(36, 8, 0.2).reshape(3, 12, 8).requires_grad_()
    view = info(steps, duration_s=torch.tensor([40.0, 45.0, 38.0], dtype=torch.float64))
    value = TCC(pairs="all")({"a": frames(z)}, context({"a": view}))["loss"]
    assert value.item() == pytest.approx(golden["value"], rel=1e-9)
    assert torch.autograd.grad(value, z)[0].norm().item() == pytest.approx(golden["grad_norm"][0], rel=1e-9)


def test_a_video_and_itself_cycle_back():
    z = torch.eye(8, dtype=torch.float64) * 20
    out = TCC(loss="regression_mse")(*two_videos(z, z))
    assert out["loss"] < 1e-12
    assert out["cycle_error"] < 1e-6


def test_pairs_follow_the_labels():
    z, time_s = smooth(4, 6, 5), torch.arange(6.0).expand(4, 6)
    view = {"a": info(time_s, duration_s=torch.full((4,), 6.0))}

    def out(pairs, label):
        return TCC(pairs=pairs)({"a": frames(z)}, context(view, label=torch.tensor(label)))

    assert out("label", [0, 1, 0, 1])["pairs"] == 2
    assert out("label", [0, 1, 0, -1])["pairs"] == 1
    assert out("label", [-1, -1, -1, -1])["pairs"] == 0
    assert out("all", [-1, -1, -1, -1])["pairs"] == 6
    alone = TCC(pairs="all")(
        {"a": frames(z[[0, 2]])}, context({"a": info(time_s[:2], duration_s=torch.full((2,), 6.0))})
    )
    torch.testing.assert_close(out("label", [0, 1, 0, 2])["loss"], alone["loss"], rtol=1e-12, atol=0)
    with pytest.raises(InputError, match="tcc: needs duration_s"):
        TCC(pairs="all")({"a": frames(z)}, context({"a": info(time_s)}))


def test_a_perfect_match_stays_finite_in_float32():
    z = (torch.eye(16) * 30).requires_grad_()
    loss = TCC()(*two_videos(z, z))["loss"]
    assert torch.isfinite(loss)
    assert torch.isfinite(torch.autograd.grad(loss, z)[0]).all()
