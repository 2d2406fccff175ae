from __future__ import annotations

import pytest
import torch
from references.objective_batches import clips, context, dims, frames, info, smooth

from mvssl.errors import ConfigError, InputError
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


@pytest.mark.parametrize("negatives", ["all", "other_sessions"])
def test_earlier_keys_of_other_instants_are_negatives_only_if_asked(negatives):
    """The same batch twice: in the second step the queue holds every instant; only its own earlier keys are left out."""
    features, ctx = batch()
    torch.manual_seed(0)
    spec = {"name": "moco", "queue_size": 32, "hidden_dim": 8, "dim": 4, "negatives": negatives}
    objective = FrameWise(objective=spec)
    objective.build(dims(features), 2)
    objective.double()
    ctx = ctx._replace(target=features)
    objective(features, ctx)
    objective.after_step(ctx._replace(progress=1.0))  # at the end of the schedule the copy stays as it is
    value = objective(features, ctx)["loss"]

    order = torch.tensor([1, 3, 2, 0])
    rows = {"a": features["a"].frame.flatten(0, 1), "b": features["b"].frame[:, order].flatten(0, 1)}
    present = {"a": torch.ones(8, dtype=torch.bool), "b": torch.tensor([True, True, False, True] * 2)}
    inner = objective.inner
    z = {
        v: torch.nn.functional.normalize(inner.projector({"a": x}, {"a": present[v]})["a"], dim=1)
        for v, x in masked(rows, present)
    }
    instant, session = torch.arange(8), torch.tensor([0] * 4 + [1] * 4)
    losses = []
    for q, k in (("a", "b"), ("b", "a")):
        for i in torch.nonzero(present["b"]).flatten().tolist():
            keys = [
                z[v][j]
                for v in z
                for j in range(8)
                if present[v][j] and (instant[j] != i if negatives == "all" else session[j] != session[i])
            ]
            logits = torch.stack([z[k][i], *keys]) @ z[q][i] / 0.2
            losses.append(logits.logsumexp(0) - logits[0])
    torch.testing.assert_close(value, torch.stack(losses).mean(), rtol=1e-6, atol=0)  # the queue is float32 inside


def masked(rows, present):
    return [(v, torch.where(present[v][:, None], x, 0.0)) for v, x in rows.items()]


def test_labels_are_the_phases_of_the_frames():
    """Two videos of one action: supcon on frames brings frames of one phase together, not whole videos."""
    features, ctx = batch()
    phase = torch.tensor([[0, 0, 1, -1], [1, 0, 0, 1]])
    views = {"a": ctx.views["a"]._replace(label=phase), "b": ctx.views["b"]._replace(label=torch.full((2, 4), 7))}
    ctx = ctx._replace(views=views, label=torch.zeros(2, dtype=torch.long))
    torch.manual_seed(0)
    objective = FrameWise(objective={"name": "supcon", "hidden_dim": 8, "dim": 4})
    objective.build(dims(features), 2)
    value = objective.double()(features, ctx)["loss"]
    a, b = features["a"].frame, features["b"].frame
    rows = {"a": clips(a.flatten(0, 1)), "b": clips(b[:, [1, 3, 2, 0]].flatten(0, 1))}
    present = torch.tensor([True, True, False, True] * 2)
    wanted = context(
        {"a": info(torch.zeros(8, 1)), "b": info(torch.zeros(8, 1), present=present)},
        session_id=torch.tensor([0] * 4 + [1] * 4),
        label=phase.flatten(),
    )
    torch.testing.assert_close(value, inner("supcon", rows, wanted, hidden_dim=8, dim=4), rtol=1e-10, atol=0)
    unlabelled = ctx._replace(views={name: view._replace(label=None) for name, view in views.items()})
    with pytest.raises(InputError, match="no label per frame"):
        objective(features, unlabelled)


def test_a_bank_of_samples_is_refused():
    features, _ = batch()
    objective = FrameWise(objective={"name": "cmc", "negatives": "bank"})
    with pytest.raises(ConfigError, match="one row per sample"):
        objective.build(dims(features), 2)


def test_frame_objectives_are_refused():
    with pytest.raises(ConfigError, match="one on clip features"):
        FrameWise(objective={"name": "carl"})
