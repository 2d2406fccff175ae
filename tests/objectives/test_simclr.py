from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, built, loss_of, nt_xent_loop, without_heads
from references.objective_batches import goldens, unit


def two(x):
    return {name: x[name] for name in ("a", "b")}


@pytest.mark.real_data
def test_golden(goldens_root):
    golden = goldens(goldens_root, "objectives.json")
    ours, theirs = golden_values.simclr(golden)
    assert ours == pytest.approx(theirs, rel=1e-9)
    official = loss_of(without_heads("simclr", two(ABC), scale=2.0), two(ABC)).item()
    assert official == pytest.approx(golden["SimCLR official (=2x) t=.1"], rel=1e-9)


def test_more_than_two_views_are_averaged_over_pairs():
    value = loss_of(without_heads("simclr", ABC), ABC)
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    loops = [
        torch.stack(nt_xent_loop([*unit(ABC[i]), *unit(ABC[j])], [*range(12)] * 2, [*range(12)] * 2, 0.1)).mean()
        for i, j in pairs
    ]
    torch.testing.assert_close(value, torch.stack(loops).mean(), rtol=1e-10, atol=0)


def test_limits():
    same = torch.eye(6, dtype=torch.float64)
    cold = loss_of(without_heads("simclr", {"a": same, "b": same}, temperature=0.01), {"a": same, "b": same})
    assert cold < 1e-9, "orthogonal samples, identical views: perfect"
    one = torch.ones(6, 4, dtype=torch.float64)
    collapsed = loss_of(without_heads("simclr", {"a": one, "b": one}), {"a": one, "b": one})
    assert collapsed.item() == pytest.approx(torch.tensor(11.0).log().item(), rel=1e-6), (
        "log of the 2N - 1 rows compared"
    )


def test_views_of_different_width_get_heads_of_their_own():
    x = {"a": ABC["a"], "b": ABC["b"][:, :5]}
    objective = built("simclr", x, hidden_dim=8, dim=4)
    assert len(objective.projector.heads) == 2
    assert torch.isfinite(loss_of(objective, x))
