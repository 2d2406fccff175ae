"""Attention pooling: a set of places unless they are told where they are; trained behind a frozen, cached backbone."""

import pytest
import torch

from mvssl.encoders import FrameEncoder
from mvssl.encoders._token_pooling import TokenPooling
from mvssl.types import View

SMALL = {"backbone": "test_resnet", "mlp": (16,), "dim": 32, "num_heads": 4, "hidden": 32, "num_layers": 1}


def pooling(position=False, places=6):
    torch.manual_seed(0)
    made = TokenPooling(5, places, num_queries=3, dim=4, position=position)
    if position:
        torch.nn.init.normal_(made.place)
    return made


def test_the_order_of_places_matters_only_where_they_have_positions():
    features = torch.randn(2, 7, 6 * 5)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    mixed = features.unflatten(2, (6, 5))[:, :, order].flatten(2)
    assert torch.allclose(pooling()(features), pooling()(mixed), atol=1e-6)
    assert not torch.allclose(pooling(True)(features), pooling(True)(mixed), atol=1e-3)


def test_equals_softmax_over_places_written_out():
    made, features = pooling(True), torch.randn(1, 2, 6 * 5)
    places = features[0, 1].view(6, 5)
    key = places @ made.key.weight.T + made.key.bias + made.place
    value = places @ made.value.weight.T + made.value.bias
    token = torch.softmax(made.queries[2] @ key.T / 4**0.5, dim=0) @ value
    assert torch.allclose(made(features)[0, 1, 8:], token, atol=1e-5)


def test_equal_places_give_their_value_whatever_is_asked():
    made = pooling()
    one = torch.randn(5)
    found = made(one.repeat(6)[None, None]).view(3, 4)
    assert torch.allclose(found, made.value(one).expand(3, -1), atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    made = pooling(True, places=3).double()
    features = torch.randn(1, 2, 15, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(made, (features,))
    parameters = tuple(made.parameters())
    assert torch.autograd.gradcheck(lambda *_: made(features.detach()), parameters)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_it_is_trained_behind_a_frozen_backbone_and_works_on_cached_features(backbone):
    torch.manual_seed(0)
    encoder = FrameEncoder(
        **{**SMALL, "backbone": backbone},
        freeze="all",
        pooling="attention",
        grid=2,
        num_queries=3,
        query_dim=8,
        dropout=0,
    ).eval()
    pixels = torch.randint(0, 255, (2, 3, 1, 3, 160, 160), dtype=torch.uint8)
    time_s, mask = torch.arange(3.0).expand(2, -1), torch.ones(2, 3, dtype=torch.bool)
    view = View(pixels, time_s, mask, torch.ones(2, dtype=torch.bool), torch.zeros(2, 4), torch.zeros(2, 1))
    features = encoder.backbone_features(pixels)
    assert features.shape == (2, 3, 4 * encoder.backbone.num_channels)
    assert features.shape[2] == encoder.dims.maps["backbone"]
    found = encoder(view).frame
    assert torch.allclose(found, encoder(view._replace(pixels=features)).frame, atol=1e-5)
    found.square().sum().backward()
    assert encoder.members[0].tokens.queries.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in encoder.backbone.parameters())
