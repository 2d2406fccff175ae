from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, built, loss_of, without_heads
from references.objective_batches import clips, context, goldens, info, unit, wave

from mvssl.objectives.byol import cosine_error


@pytest.mark.real_data
def test_golden(goldens_root):
    ours, theirs = golden_values.byol(goldens(goldens_root, "objectives.json"))
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_error_is_the_squared_distance_of_unit_vectors():
    p, z = wave(5, 4, 0.1), wave(5, 4, 0.9)
    torch.testing.assert_close(cosine_error(p, z), (unit(p) - unit(z)).square().sum(1), rtol=1e-10, atol=0)
    assert cosine_error(p, 3 * p).abs().max() < 1e-12


def test_targets_get_no_gradient_and_the_predictor_does():
    x = {name: ABC[name] for name in ("a", "b")}
    objective = built("byol", x, hidden_dim=8, dim=4)
    loss_of(objective, x).backward()
    assert all(p.grad is None for p in objective.target.parameters())
    assert all(p.grad is not None for p in (*objective.predictor.parameters(), *objective.projector.parameters()))


def test_targets_are_made_by_the_slow_head_alone_and_pass_no_gradient():
    """In a loop over rows: 2 - 2 cos(q(p(z_i)), target(z'_i)), with a target head that has gone its own way."""
    x = {name: ABC[name].clone().requires_grad_() for name in ("a", "b")}
    slow = {name: (0.3 * ABC[name] + 0.1).requires_grad_() for name in ("a", "b")}
    objective = built("byol", x, hidden_dim=8, dim=4)
    with torch.no_grad():
        for parameter in objective.target.parameters():
            parameter += 0.2 * wave(parameter.numel(), 1, 0.3).view_as(parameter)
    there = {name: torch.ones(12, dtype=torch.bool) for name in x}
    loss = loss_of(objective, x, target={name: clips(value) for name, value in slow.items()})
    target = {name: z.detach() for name, z in objective.target.copy(slow, there).items()}
    predicted = {name: objective.predictor(z, there[name]) for name, z in objective.projector(x, there).items()}
    terms = [
        (unit(predicted[i][row]) - unit(target[j][row])).square().sum() for i, j in ("ab", "ba") for row in range(12)
    ]
    torch.testing.assert_close(loss, 2 * torch.stack(terms).mean(), rtol=1e-9, atol=0)
    inputs = [*x.values(), *objective.projector.parameters()]
    mine, theirs = (
        torch.autograd.grad(value, inputs, retain_graph=True) for value in (loss, 2 * torch.stack(terms).mean())
    )
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-12)
    loss.backward()
    assert all(value.grad is None for value in slow.values())


@pytest.mark.parametrize("progress, moved", [(0.0, 0.25), (0.5, 0.125), (1.0, 0.0)])
def test_the_target_follows_after_the_step_and_stops_at_the_end(progress, moved):
    x = {name: ABC[name] for name in ("a", "b")}
    objective = built("byol", x, hidden_dim=8, dim=4, momentum=0.75)
    mine, theirs = (next(m.parameters()) for m in (objective.target, objective.projector))
    with torch.no_grad():
        theirs += 1.0
    before = mine.clone()
    objective.after_step(context({"a": info(torch.zeros(12, 1))}, progress=progress))
    torch.testing.assert_close(mine, before + moved)


def test_absent_views_are_left_out():
    x = {name: ABC[name] for name in ("a", "b")}
    there = torch.arange(12) % 3 != 0
    value = loss_of(without_heads("byol", x), x, {"b": there})
    part = {name: value[there] for name, value in x.items()}
    torch.testing.assert_close(value, loss_of(without_heads("byol", part), part), rtol=1e-12, atol=0)
