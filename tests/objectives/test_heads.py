from __future__ import annotations

import pytest
import torch
from references.objective_batches import wave
from torch import nn

from mvssl.distributed import GlobalBatchNorm
from mvssl.objectives._heads import NormedLinear, ViewHeads, mlp


def test_mlp_has_the_layers_it_is_asked_for():
    kinds = {
        ("bn", "none"): [nn.Linear, GlobalBatchNorm, nn.ReLU, nn.Linear],
        ("ln", "bn"): [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Linear, GlobalBatchNorm],
        ("none", "bn_noaffine"): [nn.Linear, nn.ReLU, nn.Linear, GlobalBatchNorm],
    }
    for (norm, last), layers in kinds.items():
        head = mlp([3, 5, 2], norm=norm, last=last)
        assert [type(layer) for layer in head] == layers
        assert (head[-1].bias is not None) == (last != "bn_noaffine")
    assert len(mlp([3])) == 0


def test_a_head_without_any_norm_is_the_formula():
    head = mlp([3, 5, 2], norm="none").double()
    x = wave(4, 3, 0.2)
    expected = (x @ head[0].weight.T + head[0].bias).clamp(min=0) @ head[2].weight.T + head[2].bias
    torch.testing.assert_close(head(x), expected, rtol=1e-12, atol=0)


def test_masked_rows_enter_no_statistics():
    head = mlp([3, 5, 2]).double()
    x, mask = wave(6, 3, 0.2), torch.tensor([True, True, False, True, False, True])
    alone = head(x[mask])
    x[~mask] = 1e3
    torch.testing.assert_close(head(x, mask)[mask], alone, rtol=1e-12, atol=1e-14)


def test_prototypes_are_cosines():
    layer = NormedLinear(3, 4).double()
    x = wave(5, 3, 0.1)
    expected = torch.stack([torch.cosine_similarity(x, w[None]) for w in layer.weight], 1)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(layer(7 * x), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("widths, num_heads", [({"a": 4, "b": 4}, 1), ({"a": 4, "b": 6}, 2)])
def test_views_share_a_head_if_they_have_one_width(widths, num_heads):
    heads = ViewHeads(widths, lambda d: mlp([d, 2], norm="none"))
    assert len(heads.heads) == num_heads
    views = {name: torch.ones(3, width) for name, width in widths.items()}
    masks = {name: torch.ones(3, dtype=torch.bool) for name in widths}
    out = heads(views, masks)
    assert list(out) == ["a", "b"]
    assert torch.equal(out["a"], out["b"]) == (num_heads == 1)
