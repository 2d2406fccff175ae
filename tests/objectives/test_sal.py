from __future__ import annotations

import pytest
import torch
from references.objective_batches import context, dims, frames, info, smooth

from mvssl.errors import ConfigError
from mvssl.objectives._frames import ViewFrames
from mvssl.objectives.sal import SAL


def drawn(mask, **parameters):
    """Frame numbers of the drawn triplets (samples, triplets, 3) and the labels: the features are the frame numbers."""
    size, num = mask.shape
    number = torch.arange(num, dtype=torch.float64).expand(size, num)
    ctx = context({"a": info(number, mask)}, generator=torch.Generator().manual_seed(0))
    rows, label = SAL(**parameters)._triplets(ViewFrames(number[..., None], number, mask), ctx)
    return rows, label


def test_triplets_are_in_order_or_not_as_labelled():
    mask = torch.arange(20) < torch.tensor([20, 5, 4])[:, None]
    rows, label = drawn(mask, triplets=400)
    assert len(rows) == 800  # the third sample has four frames
    assert label.float().mean() == 0.75
    forward = (rows[:, 0] < rows[:, 1]) & (rows[:, 1] < rows[:, 2])
    backward = (rows[:, 0] > rows[:, 1]) & (rows[:, 1] > rows[:, 2])
    assert torch.equal(forward | backward, label == 0)
    assert 0.3 < forward[label == 0].float().mean() < 0.7
    assert rows[400:].max() < 5  # padding is never drawn
    assert len({tuple(row) for row in rows[:400].tolist()}) > 300


def test_loss_is_the_cross_entropy_of_the_classifier():
    z = smooth(2, 8, 3)
    features = {"a": frames(z)}
    ctx = context({"a": info(torch.arange(8.0).expand(2, 8))}, step=3)
    objective = SAL()
    objective.build(dims(features), 2)
    objective.double()
    rows, label = objective._triplets(ViewFrames(z, ctx.views["a"].time_s, ctx.views["a"].mask), ctx)
    expected = torch.nn.functional.cross_entropy(objective.classifier(rows), label)
    torch.testing.assert_close(objective(features, ctx)["loss"], expected, rtol=1e-12, atol=0)


def test_the_classifier_learns_order_from_a_clock():
    torch.manual_seed(0)
    z = torch.linspace(-1, 1, 30)[None, :, None].expand(4, 30, 2) + 0
    features = {"a": frames(z)}
    objective = SAL(shuffled=0.5, triplets=32)
    objective.build(dims(features), 4)
    optimiser = torch.optim.Adam(objective.parameters(), 1e-2)
    for step in range(150):
        optimiser.zero_grad()
        out = objective(features, context({"a": info(torch.arange(30.0).expand(4, 30))}, step=step))
        out["loss"].backward()
        optimiser.step()
    assert out["accuracy"] > 0.9


def test_bad_values_are_named():
    with pytest.raises(ConfigError, match="share, 0 to 1, got 2"):
        SAL(shuffled=2.0)
    with pytest.raises(ConfigError, match="a view has 4 frames"):
        drawn(torch.ones(1, 4, dtype=torch.bool))
