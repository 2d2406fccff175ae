from __future__ import annotations

import pytest
import torch
from references.objective_batches import clips, context, goldens, info, wave

from mvssl.objectives._heads import mlp
from mvssl.objectives.cvrl import CVRL


def bare(x, y, present=None, **parameters):
    """The loss without a projector: features are compared as they are."""
    objective = CVRL(**parameters)
    objective.projector = lambda clips, present: clips
    views = {v: info(torch.zeros(len(x), 1)) for v in "ab"}
    if present is not None:
        views["b"] = views["b"]._replace(present=present)
    return objective({"a": clips(x), "b": clips(y)}, context(views))["loss"]


def test_equals_a_plain_loop():
    x, y = wave(6, 8, 0.0), wave(6, 8, 0.4)
    rows = torch.nn.functional.normalize(torch.cat([x, y]), dim=1)
    terms = []
    for i in range(12):
        logits = torch.stack([rows[i] @ rows[k] for k in range(12) if k != i]) / 0.1
        terms.append(torch.logsumexp(logits, 0) - rows[i] @ rows[(i + 6) % 12] / 0.1)
    torch.testing.assert_close(bare(x, y), 2 * torch.stack(terms).mean(), rtol=1e-12, atol=0)


def test_a_sample_without_one_of_its_clips_is_no_anchor_and_no_negative():
    x, y = wave(6, 8, 0.0), wave(6, 8, 0.4)
    there = torch.tensor([True, True, False, True, False, True])
    torch.testing.assert_close(bare(x, y, there), bare(x[there], y[there]), rtol=1e-12, atol=0)


@pytest.mark.real_data
def test_twice_nt_xent_golden(goldens_root):
    golden = goldens(goldens_root, "objectives.json")
    value = bare(wave(12, 8, 0.0), wave(12, 8, 0.4)).item()
    assert value == pytest.approx(2 * golden["lightly1.6 NTXent t=.1 (a,b)"], rel=1e-6)
    assert value == pytest.approx(golden["SimCLR official (=2x) t=.1"], rel=1e-6)


def test_projector_has_the_papers_layers():
    from mvssl.types import Dims

    objective = CVRL(hidden_dim=32)
    objective.build({v: Dims(frame=0, clip=16, maps={}, num_frames=0) for v in "ab"}, 4)
    sizes = [tuple(p.shape) for p in objective.parameters() if p.ndim == 2]
    assert sizes == [tuple(p.shape) for p in mlp([16, 32, 32, 32, 128]).parameters() if p.ndim == 2]
