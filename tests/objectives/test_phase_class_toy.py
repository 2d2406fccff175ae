"""Every clip objective on the phase-class world: classes are found, nothing collapses, and it shows its character."""

from __future__ import annotations

import pytest
from references.phase_class import SETTINGS, make, train
from torch import nn

FAST = {"simclr", "byol"}  # the others take seconds each


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in SETTINGS])
def test_classes_are_found_without_collapse_and_the_projection_forgets_the_phase(name):
    scores = train(make(name))
    assert scores.knn_raw < 0.85, "the world is too easy to tell anything"
    assert scores.knn_h >= 0.90
    assert scores.spread >= 0.5, "collapse"
    assert scores.phase_h >= 0.6
    assert scores.phase_h - scores.phase_z >= 0.15, "independent phases: the projection has to lose the phase"


def test_near_views_keep_the_phase():
    scores = train(make("simclr"), window=0.1)
    assert scores.knn_h >= 0.90
    assert scores.phase_h >= 0.9
    assert scores.phase_z >= 0.9


def test_byol_without_its_predictor_collapses():
    objective = make("byol")
    build = objective.build

    def without_predictor(dims, num_samples):
        build(dims, num_samples)
        objective.predictor = Identity()

    objective.build = without_predictor
    assert train(objective).spread < 0.5


class Identity(nn.Module):
    def forward(self, x, mask):
        return x
