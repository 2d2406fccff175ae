from __future__ import annotations

from itertools import combinations

import pytest
import torch
from references.objective_batches import context, info

from mvssl.objectives._frames import ViewFrames
from mvssl.objectives._instants import same_instant
from mvssl.objectives._pairs import concatenate, in_time_order, sequence_pairs, squared_distance


def numbered(size, num=3, mask=None):
    """Frames whose only feature is the number of their sample."""
    z = torch.arange(float(size))[:, None, None].expand(size, num, 1)
    valid = torch.ones(size, num, dtype=torch.bool) if mask is None else mask
    return ViewFrames(z, torch.arange(float(num)).expand(size, num).double(), valid)


@pytest.mark.parametrize("size", range(1, 8))
def test_every_pair_of_samples_comes_once(size):
    view = numbered(size)
    x, y = sequence_pairs({"a": view}, context({"a": info(view.time_s)}), "all")
    found = [tuple(sorted(pair)) for pair in zip(x.z[:, 0, 0].tolist(), y.z[:, 0, 0].tolist(), strict=True)]
    assert sorted(found) == list(combinations(range(size), 2))
    owners = torch.bincount(x.z[:, 0, 0].long(), minlength=size)
    assert owners.max() - owners.min() <= 1  # the work is shared evenly


def test_short_sequences_and_other_labels_form_no_pair():
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=torch.bool)
    view = numbered(4, mask=mask)
    ctx = context({"a": info(view.time_s)}, label=torch.tensor([0, 0, 0, 1]))
    x, y = sequence_pairs({"a": view}, ctx, "label")
    assert sorted([x.z[0, 0, 0].item(), y.z[0, 0, 0].item()]) == [0, 2]
    assert len(x.z) == 1


def test_views_are_paired_within_a_sample_whatever_their_lengths():
    a, b = numbered(2, 3), numbered(2, 5)
    x, y = sequence_pairs({"a": a, "b": b, "c": a}, context({"a": info(a.time_s)}), "views")
    assert x.z.shape == (6, 5, 1)
    assert torch.equal(x.z[:, 0, 0], y.z[:, 0, 0])
    assert x.valid.sum(1).tolist() == [3, 3, 3, 3, 5, 5]  # a-b, a-c, b-c


def test_time_order_puts_padding_last():
    view = ViewFrames(
        torch.tensor([[[1.0], [2.0], [3.0]]]),
        torch.tensor([[5.0, 0.0, 4.0]]).double(),
        torch.tensor([[True, False, True]]),
        torch.tensor([10.0]),
        torch.tensor([[0.5, 0.0, 0.4]]),
    )
    found = in_time_order(view)
    assert found.z.flatten().tolist() == [3.0, 1.0, 2.0]
    assert found.valid.tolist() == [[True, True, False]]
    assert torch.equal(found.position, torch.tensor([[0.4, 0.5, 0.0]]))
    joined = concatenate([found, numbered(1, 4)])
    assert joined.valid.tolist() == [[True, True, False, False], [True] * 4]
    assert joined.duration_s is None


def test_squared_distance():
    x, y = (torch.randn(2, n, 5, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (3, 4))
    torch.testing.assert_close(squared_distance(x, y), torch.cdist(x, y) ** 2, rtol=1e-10, atol=1e-10)


def test_same_instant_is_mutual_and_near():
    def at(*times, valid=None):
        time_s = torch.tensor([times], dtype=torch.float64)
        mask = torch.ones_like(time_s, dtype=torch.bool) if valid is None else torch.tensor([valid])
        return ViewFrames(torch.zeros(1, len(times), 1), time_s, mask)

    index, found = same_instant(at(0.0, 0.02, 1.0, 2.0), at(2.04, 0.01, 5.0), tolerance_s=0.05)
    assert found.tolist() in ([[True, False, False, True]], [[False, True, False, True]])  # one of two takes 0.01
    assert index[0, 3] == 0
    _, hidden = same_instant(at(0.0, 1.0), at(0.0, 1.0, valid=[False, True]), tolerance_s=0.05)
    assert hidden.tolist() == [[False, True]]
