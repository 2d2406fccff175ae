"""What every objective must stand: padding, absent views, half precision, and a derivative that is the derivative."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from references import whole_batch
from torch import nn

import mvssl.objectives as objectives
from mvssl.errors import InputError
from mvssl.types import Features, Needs

NAMES = objectives.names()
DETACHED = {"macl"}  # its loss holds detached weights: the gradient is not the derivative of the value
FAULTS = ("padded frames", "one view absent", "one sample empty", "nothing valid")


def test_names_are_the_files():
    folder = Path(objectives.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")) == NAMES
    assert {"carl", "cmc", "cvrl", "tcc", "tcn", "sal", "lav", "gta", "vava", "weak_carl", "classify"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_keeps_the_contract(name):
    found = objectives.get(name)
    assert issubclass(found, nn.Module)
    assert found.__name__.lower() == name.replace("_", "")
    parameters = list(inspect.signature(found.__init__).parameters.values())[1:]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters), "defaults must work"
    assert isinstance(found().needs, Needs)


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"carl.*did you mean 'carl'"):
        objectives.get("carll")


def spoiled(fault: str) -> dict[str, torch.Tensor]:
    batch = whole_batch.inputs()
    if fault == "one view absent":
        batch["present"][:, 1] = False
    elif fault == "one sample empty":
        batch["mask"][2] = False
        batch["present"][2] = False
    elif fault == "nothing valid":
        batch["mask"][:] = False
        batch["present"][:] = False
    return batch


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_hidden_never_matters_and_gradients_stay_finite(name, fault):
    batch = spoiled(fault)
    hidden = ~(batch["mask"] & batch["present"][..., None])
    found = []
    for filling in (0.0, 50.0):
        filled = dict(batch)
        filled["frame"] = batch["frame"].masked_fill(hidden[..., None], filling)
        filled["clip"] = batch["clip"].masked_fill(~batch["present"][..., None], filling)
        encoder, objective = whole_batch.build(name, {})
        found.append(whole_batch.steps(encoder, objective, [filled, filled], 0))
    for (loss, grads), (other_loss, other_grads) in zip(*found, strict=True):
        assert torch.isfinite(loss)
        torch.testing.assert_close(loss, other_loss, rtol=1e-9, atol=1e-9)
        for key, grad in grads.items():
            assert torch.isfinite(grad).all(), key
            if key.startswith("objective"):
                torch.testing.assert_close(grad, other_grads[key], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_at_least_float32_under_autocast(name):
    batch = whole_batch.inputs(torch.float32)
    encoder, objective = whole_batch.build(name, {})
    encoder, objective = encoder.float(), objective.float()
    features = encoder(batch)
    plainly = objective(features, whole_batch.context(batch))["loss"]
    _, objective = whole_batch.build(name, {})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective.float()(features, whole_batch.context(batch))["loss"]
    assert loss.dtype == torch.float32
    assert torch.equal(loss, plainly)
    half = {v: Features(x.frame.bfloat16(), x.clip.bfloat16(), {}) for v, x in features.items()}
    assert objective(half, whole_batch.context(batch))["loss"].dtype == torch.float32


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DETACHED])
def test_gradcheck(name):
    batch = whole_batch.inputs()
    encoder, objective = whole_batch.build(name, {})
    features = encoder(batch)
    leaves = [x.detach().requires_grad_() for view in features.values() for x in (view.frame, view.clip)]

    def loss(*leaves):
        given = {v: Features(leaves[2 * i], leaves[2 * i + 1], {}) for i, v in enumerate(whole_batch.VIEWS)}
        context = whole_batch.context(batch, generator=torch.Generator().manual_seed(5))
        return objective(given, context)["loss"]

    assert torch.autograd.gradcheck(loss, leaves, fast_mode=True, eps=1e-6, atol=1e-6, rtol=1e-4)
