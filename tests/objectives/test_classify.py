from __future__ import annotations

import pytest
import torch
from references.objective_batches import clips, context, dims, frames, info, smooth

from mvssl.errors import InputError
from mvssl.objectives.classify import Classify


def test_frame_level_counts_labelled_valid_frames_only():
    x = smooth(2, 4, 5)
    label = torch.tensor([[0, 1, -1, 2], [2, 2, 0, 1]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1]], dtype=torch.bool)
    features = {"a": frames(x)}
    objective = Classify(num_classes=3)
    objective.build(dims(features), 2)
    objective.double()
    out = objective(features, context({"a": info(torch.zeros(2, 4), mask, label=label)}))
    logits = objective.heads["a"](x)
    rows = [(0, 0), (0, 1), (0, 3), (1, 0), (1, 2), (1, 3)]
    expected = torch.stack([-logits[b, t].log_softmax(0)[label[b, t]] for b, t in rows]).mean()
    torch.testing.assert_close(out["loss"], expected, rtol=1e-12, atol=0)
    hits = [float(logits[b, t].argmax() == label[b, t]) for b, t in rows]
    assert out["accuracy"].item() == pytest.approx(sum(hits) / 6)


def test_clip_level_leaves_out_absent_views_and_labels():
    x = smooth(4, 3, 5).mean(1)
    features = {"a": clips(x)}
    objective = Classify(level="clip", num_classes=2)
    objective.build(dims(features), 4)
    objective.double()
    present = torch.tensor([True, True, False, True])
    ctx = context({"a": info(torch.zeros(4, 3), present=present)}, label=torch.tensor([0, -1, 1, 1]))
    expected = torch.nn.functional.cross_entropy(objective.heads["a"](x[[0, 3]]), torch.tensor([0, 1]))
    torch.testing.assert_close(objective(features, ctx)["loss"], expected, rtol=1e-12, atol=0)


def test_no_label_at_all_gives_zero_and_finite_gradients():
    features = {"a": frames(smooth(2, 3, 4))}
    objective = Classify()
    objective.build(dims(features), 2)
    objective.double()
    ctx = context({"a": info(torch.zeros(2, 3), label=torch.full((2, 3), -1))})
    loss = objective(features, ctx)["loss"]
    loss.backward()
    assert loss == 0
    assert all(torch.isfinite(p.grad).all() for p in objective.parameters())


def test_it_learns_separable_frames():
    x = torch.cat([torch.randn(1, 20, 4) + c for c in (torch.zeros(4), torch.full((4,), 3.0))])
    label = torch.tensor([0, 1])[:, None].expand(2, 20)
    features = {"a": frames(x)}
    objective = Classify(num_classes=2)
    objective.build(dims(features), 2)
    optimiser = torch.optim.Adam(objective.parameters(), 0.1)
    ctx = context({"a": info(torch.zeros(2, 20), label=label)})
    for _ in range(60):
        optimiser.zero_grad()
        objective(features, ctx)["loss"].backward()
        optimiser.step()
    assert objective(features, ctx)["accuracy"] > 0.95


def test_errors_say_what_to_do():
    features = {"a": frames(smooth(1, 2, 3))}
    objective = Classify(num_classes=2)
    objective.build(dims(features), 1)
    objective.double()
    with pytest.raises(InputError, match=r"label 5 with num_classes 2; set objective.num_classes"):
        objective(features, context({"a": info(torch.zeros(1, 2), label=torch.tensor([[0, 5]]))}))
    with pytest.raises(InputError, match="view 'a' has no frame labels"):
        objective(features, context({"a": info(torch.zeros(1, 2))}))
