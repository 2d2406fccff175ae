from __future__ import annotations

import pytest
import torch
from references.objective_batches import clips, context, dims, frames, info, smooth

from mvssl.errors import ConfigError
from mvssl.objectives import get
from mvssl.objectives.frame_wise import FrameWise


def batch():
    """Two cameras; the second shows the instants in another order, and one of them too late."""
    time_a = torch.tensor([[0.0, 1.0, 2.0, 3.0]] * 2)
    time_b = torch.tensor([[3.0, 0.0, 2.5, 1.0]] * 2)
    a, b = smooth(2, 4, 5, seed=1), smooth(2, 4, 5, seed=2)
    return {"a": frames(a), "b": frames(b)}, context({"a": info(time_a), "b": info(time_b)})


def inner(name, features, ctx, **parameters):
    torch.manual_seed(0)
    objective = get(name)(**parameters)
    objective.build(dims(features), 2)
    return objective.double()(features, ctx)["loss"]


@pytest.mark.parametrize("negatives", ["all", "other_sessions"])
def test_rows_are_the_shared_instants(negatives):
    features, ctx = batch()
    torch.manual_seed(0)
    objective = FrameWise(objective={"name": "simclr", "negatives": negatives, "hidden_dim": 8, "dim": 4})
    objective.build(dims(features), 2)
    value = objective.double()(features, ctx)["loss"]
    a, b = features["a"].frame, features["b"].frame
    rows = {"a": clips(a.flatten(0, 1)), "b": clips(b[:, [1, 3, 2, 0]].flatten(0, 1))}
    present = torch.tensor([True, True, False, True] * 2)
    views = {"a": info(torch.zeros(8, 1)), "b": info(torch.zeros(8, 1), present=present)}
    wanted = context(views, session_id=torch.tensor([0] * 4 + [1] * 4))
    expected = inner("simclr", rows, wanted, negatives=negatives, hidden_dim=8, dim=4)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)


def test_stride_takes_every_other_instant_in_time_order():
    features, ctx = batch()
    objective = FrameWise(objective={"name": "simclr"}, stride=2)
    objective.build(dims(features), 2)
    objective.double()(features, ctx)
    times = objective.inner_context.views["a"].time_s.flatten()
    assert times.tolist() == [0.0, 2.0, 0.0, 2.0]
    assert objective.inner_context.session_id.tolist() == [0, 0, 1, 1]


def test_the_inner_queue_moves_with_its_rows():
    features, ctx = batch()
    objective = FrameWise(objective={"name": "moco", "queue_size": 32, "hidden_dim": 8, "dim": 4})
    objective.build(dims(features), 2)
    ctx = ctx._replace(target=features)
    objective.double()(features, ctx)
    objective.after_step(ctx)
    assert int(objective.inner.queue.num_pushed) == 8 + 6  # all rows of a, those of b that are there
    assert objective.needs.ema_parts == ("inner.projector",)
    assert (objective.needs.frames, objective.needs.clip) == (True, False)


def test_frame_objectives_are_refused():
    with pytest.raises(ConfigError, match="one on clip features"):
        FrameWise(objective={"name": "carl"})
