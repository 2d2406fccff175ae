"""An ensemble's objective: each member has the loss and the gradient it would have alone."""

from __future__ import annotations

import copy

import pytest
import torch
from references import whole_batch

from mvssl.objectives import get, names, per_member
from mvssl.objectives._members import PerMember
from mvssl.types import Dims, Features


def parts_of(features, first, last):
    """Columns of the frame and clip features."""
    return {
        name: Features(value.frame[..., first:last], value.clip[..., first:last], value.maps)
        for name, value in features.items()
    }


def features_of(batch, members):
    """Random features of an ensemble whose members have 8 columns each, and their leaves."""
    generator = torch.Generator().manual_seed(3)
    leaves = {}
    for i, name in enumerate(whole_batch.VIEWS):
        frame = torch.randn(batch["frame"][:, i].shape[:2] + (8 * members,), generator=generator, dtype=torch.float64)
        clip = torch.randn(len(frame), 8 * members, generator=generator, dtype=torch.float64)
        leaves[name] = Features(frame.requires_grad_(), clip.requires_grad_(), {})
    return leaves


def built(objective, members):
    dims = {name: Dims(8 * members, 8 * members, {}, whole_batch.NUM_FRAMES, members) for name in whole_batch.VIEWS}
    found = per_member(objective, dims)
    found.build(dims, whole_batch.BANK_ROWS)
    return found.double()


@pytest.mark.parametrize("name", ["carl", "barlow_twins", "byol", "tcc"])
def test_the_loss_is_the_mean_of_those_of_members_trained_alone(name):
    torch.manual_seed(0)
    batch = whole_batch.inputs()
    ensemble = built(get(name)(), members=2)
    features, ctx = features_of(batch, 2), whole_batch.context(batch)
    ctx = ctx._replace(target={view: Features(*(x.detach().sin() for x in f[:2]), {}) for view, f in features.items()})
    alone = copy.deepcopy(ensemble.parts)
    losses = []
    for i, objective in enumerate(alone):
        target = parts_of(ctx.target, 8 * i, 8 * i + 8)
        losses.append(objective(parts_of(features, 8 * i, 8 * i + 8), ctx._replace(target=target))["loss"])
    out = ensemble(features, ctx)
    torch.testing.assert_close(out["loss"], torch.stack(losses).mean(), rtol=1e-12, atol=0)
    assert losses[0] != losses[1]  # heads of their own
    assert all(not value.requires_grad for term, value in out.items() if term != "loss")


def test_no_member_learns_from_another():
    batch = whole_batch.inputs()
    ensemble = built(get("carl")(), members=3)
    features = features_of(batch, 3)
    ensemble.parts[1](parts_of(features, 8, 16), whole_batch.context(batch))["loss"].backward()
    own = {name: f.frame.grad.clone() for name, f in features.items()}
    for f in features.values():
        f.frame.grad = None
    ensemble(features, whole_batch.context(batch))["loss"].backward()
    for name, f in features.items():
        torch.testing.assert_close(3 * f.frame.grad[..., 8:16], own[name][..., 8:16], rtol=1e-10, atol=1e-14)
        assert f.frame.grad[..., :8].abs().sum() > 0
        assert own[name][..., :8].abs().sum() == 0


def test_queues_and_ema_parts_are_those_of_the_members():
    batch = whole_batch.inputs()
    ensemble = built(get("moco")(queue_size=16, dim=4), members=2)
    ctx = whole_batch.context(batch)
    features = features_of(batch, 2)
    ctx = ctx._replace(target={view: Features(f.frame.detach(), f.clip.detach(), {}) for view, f in features.items()})
    assert ensemble.needs.queue == get("moco")(queue_size=16).needs.queue
    modules = dict(ensemble.named_modules())
    assert {f"each.{i}.projector" for i in (0, 1)} == set(ensemble.needs.ema_parts) <= set(modules)
    before = [copy.deepcopy(part.state_dict()) for part in ensemble.parts]
    ensemble(features, ctx)["loss"].backward()
    ensemble.after_step(ctx)
    for part, old in zip(ensemble.parts, before, strict=True):
        assert any(not torch.equal(value, old[name]) for name, value in part.state_dict().items())
    grouped = {id(p) for group in ensemble.param_groups() for p in group["params"]}
    assert grouped == {id(p) for p in ensemble.parameters()}


def test_one_member_and_unequal_views_keep_the_objective_itself():
    for sizes in ((1, 1), (2, 3)):
        objective = get("carl")()
        dims = {name: Dims(12, 12, {}, 1, size) for name, size in zip("ab", sizes, strict=True)}
        assert per_member(objective, dims) is objective


@pytest.mark.parametrize("name", names())
def test_every_objective_can_be_asked_of_members(name):
    torch.manual_seed(0)
    batch = whole_batch.inputs()
    ensemble = built(get(name)(), members=2)
    features, ctx = features_of(batch, 2), whole_batch.context(batch)
    ctx = ctx._replace(target={view: Features(*(x.detach().sin() for x in f[:2]), {}) for view, f in features.items()})
    out = ensemble(features, ctx)
    assert torch.isfinite(out["loss"])
    out["loss"].backward()
    ensemble.after_step(ctx)
    alone = get(name)()
    assert isinstance(ensemble, PerMember)
    assert ensemble.needs._replace(ema_parts=()) == alone.needs._replace(ema_parts=())
    assert len(ensemble.needs.ema_parts) == 2 * len(alone.needs.ema_parts)
