from __future__ import annotations

import pytest
import torch
from references import golden_values
from references.contrast import ABC, loss_of, supcon_loop, without_heads
from references.objective_batches import goldens, unit


@pytest.mark.real_data
def test_golden(goldens_root):
    ours, theirs = golden_values.supcon(goldens(goldens_root, "objectives.json"))
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert loss_of(without_heads("supcon", ABC), ABC).item() == pytest.approx(theirs, rel=1e-9), "no labels: own views"


def test_equals_the_loop_with_labels():
    label = [0, 1, 2, 0, 1, 2, 3, 3, 3, 4, 0, 1]
    value = loss_of(without_heads("supcon", ABC, temperature=0.3), ABC, label=torch.tensor(label))
    expected = torch.stack(supcon_loop([row for x in ABC.values() for row in unit(x)], label * 3, 0.3)).mean()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)


def test_two_views_without_labels_are_nt_xent():
    x = {name: ABC[name] for name in ("a", "b")}
    torch.testing.assert_close(loss_of(without_heads("supcon", x), x), loss_of(without_heads("simclr", x), x))


def test_a_view_that_is_absent_leaves_its_sample_its_other_positives():
    """Sample 0 has one view; with its class mate it still is an anchor."""
    there = torch.ones(12, dtype=torch.bool)
    there[0] = False
    x = {name: ABC[name] for name in ("a", "b")}
    label = [0, 0, *range(1, 11)]
    value = loss_of(without_heads("supcon", x), x, {"b": there}, label=torch.tensor(label))
    rows, of = [*unit(x["a"]), *unit(x["b"])[1:]], label + label[1:]
    torch.testing.assert_close(value, torch.stack(supcon_loop(rows, of, 0.1)).mean(), rtol=1e-10, atol=0)
