from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import LabelEfficiency, PhaseClassification


def test_whole_set_equals_phase_classification_and_fewer_videos_are_fewer(phased):
    frames, segments = phased
    train, val = frames.where(split="train"), frames.where(split="val")
    result = LabelEfficiency(fractions=(0.25, 1.0), draws=3, shots=(1, 2), episodes=4).evaluate(val, segments, train)
    whole = PhaseClassification().evaluate(val, segments, train)
    assert result.value["recall@100%"] == whole.value["recall"]
    assert result.details["num_videos"] == {"25%": 2, "100%": 8, "1 videos": 1, "2 videos": 2}
    assert len(result.details["recall@25%"]) == 3
    assert len(result.details["accuracy@1 videos"]) == 4
    low, high = result.interval["recall@1 videos"]
    assert low <= result.value["recall@1 videos"] <= high
    assert result.value["recall@1 videos"] == pytest.approx(np.mean(result.details["recall@1 videos"]))


def test_draws_repeat_with_their_seed_and_differ_between_seeds(phased):
    frames, segments = phased
    frames = frames.with_embeddings([v.embedding[:, 1:] for v in frames])  # noise: the score depends on the draw
    train, val = frames.where(split="train"), frames.where(split="val")

    def run(seed):
        return LabelEfficiency(fractions=(0.25,), draws=3, seed=seed).evaluate(val, segments, train).value

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_refusals(phased):
    frames, segments = phased
    train, val = frames.where(split="train"), frames.where(split="val")
    with pytest.raises(InputError, match="9 shots, but only 8"):
        LabelEfficiency(shots=(9,)).evaluate(val, segments, train)
    with pytest.raises(InputError, match="labels and training"):
        LabelEfficiency().evaluate(val, segments)
    with pytest.raises(InputError, match="leaky"):
        LabelEfficiency().evaluate(val, segments, frames)
