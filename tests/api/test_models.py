"""A run, a model or nothing: what every command makes of it."""

from __future__ import annotations

import pytest
import torch

from mvssl.api._models import model_for
from mvssl.embedding import Model
from mvssl.errors import InputError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32})


def test_a_model_is_taken_as_it_is(model):
    assert model_for(model) is model
    assert model_for(model, "rgb") is model


def test_a_model_of_another_modality_is_refused(model):
    with pytest.raises(InputError, match="is shown rgb, not flow"):
        model_for(model, "flow")


def test_nothing_is_no_model_of_another_modality():
    with pytest.raises(InputError, match="none of flow"):
        model_for(None, "flow")
