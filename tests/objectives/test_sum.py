from __future__ import annotations

import pytest
import torch
from references import whole_batch

from mvssl.errors import ConfigError
from mvssl.objectives import get
from mvssl.objectives.sum import Sum


def test_is_the_weighted_sum_of_its_parts_and_logs_their_terms():
    batch = whole_batch.inputs()
    specs = [{"name": "carl", "projection": "none"}, {"name": "carl", "projection": "none", "sigma_s": 1.0}]
    encoder, both = whole_batch.build("sum", {"objectives": specs, "weights": [0.3, 2.0]})
    features, ctx = encoder(batch), whole_batch.context(batch)
    parts = [get("carl")(projection="none"), get("carl")(projection="none", sigma_s=1.0)]
    values = [part(features, ctx)["loss"] for part in parts]
    out = both(features, ctx)
    torch.testing.assert_close(out["loss"], 0.3 * values[0] + 2.0 * values[1], rtol=1e-12, atol=0)
    assert torch.equal(out["carl.loss"], values[0])
    assert torch.equal(out["carl_2.loss"], values[1])
    assert not out["carl.loss"].requires_grad


def test_needs_are_the_union():
    needs = Sum(objectives=({"name": "tcc"}, {"name": "moco", "queue_size": 64}, {"name": "sal"})).needs
    assert (needs.frames, needs.clip, needs.pairs, needs.queue) == (True, True, "label", 64)
    assert needs.views == 2
    assert needs.ema_parts == ("terms.moco.projector",)


def test_after_step_and_param_groups_reach_the_parts():
    batch = whole_batch.inputs()
    specs = [{"name": "cmc", "negatives": "queue", "num_negatives": 16, "dim": 4}, {"name": "ssl_hsic"}]
    encoder, both = whole_batch.build("sum", {"objectives": specs})
    ctx = whole_batch.context(batch)
    both(encoder(batch), ctx)
    both.after_step(ctx)
    assert int(both.terms["cmc"].memory["a"].num_pushed) == 8
    grouped = [p for group in both.param_groups() for p in group["params"]]
    assert {id(p) for p in grouped} == {id(p) for p in both.parameters()}
    assert any(group.get("maximize") for group in both.param_groups())


def test_bad_values_are_named():
    with pytest.raises(ConfigError, match="1 weights for 2 objectives"):
        Sum(objectives=({"name": "carl"}, {"name": "sal"}), weights=(1.0,))
    with pytest.raises(ConfigError, match=r"objective.objectives\[1\].*did you mean 'carl'"):
        Sum(objectives=({"name": "sal"}, {"name": "karl"}))
    with pytest.raises(ConfigError, match=r"objectives\[0\].*temprature"):
        Sum(objectives=({"name": "carl", "temprature": 1.0},))
