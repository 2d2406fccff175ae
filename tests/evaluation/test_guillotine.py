from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import ConfigError, InputError
from mvssl.evaluation import PhaseClassification
from mvssl.evaluation.guillotine import Guillotine
from mvssl.frames import Frames


@pytest.fixture
def layered(phased, rng):
    """The phase stands in layer "middle"; "early" and the embedding are noise."""
    frames, segments = phased

    def noise(video):
        return rng.normal(size=(len(video.frame), 3))

    videos = [
        v._replace(extra={"layer_early": noise(v), "layer_middle": v.embedding, "other": noise(v)}, embedding=noise(v))
        for v in frames
    ]
    return Frames(videos, frames.metadata), segments


def parts(table):
    return table.where(split="val"), table.where(split="train")


def test_finds_the_layer_that_holds_the_phase(layered):
    frames, segments = layered
    val, train = parts(frames)
    result = Guillotine().evaluate(val, segments, train)
    assert list(result.value) == ["early", "middle", "embedding"]
    assert result.value["middle"] > 0.95
    assert max(result.value["early"], result.value["embedding"]) < 0.6
    assert result.details["best"] == "middle"
    assert result.details["gain"] == pytest.approx(result.value["middle"] - result.value["embedding"])
    assert result.details["width"] == {"early": 3, "middle": 4, "embedding": 3}
    assert result.details["metric"] == "recall"


def test_each_layer_gets_the_number_of_the_probe_alone(layered):
    frames, segments = layered
    val, train = parts(frames)
    result = Guillotine(probe={"name": "phase_classification", "classifier": "svm"}, metric="accuracy").evaluate(
        val, segments, train
    )
    middle = [table.with_embeddings([v.extra["layer_middle"] for v in table]) for table in (val, train)]
    alone = PhaseClassification(classifier="svm").evaluate(middle[0], segments, middle[1])
    assert result.value["middle"] == alone.value["accuracy"]
    np.testing.assert_array_equal(result.per_video["middle"], alone.per_video["accuracy"])
    assert result.controls["majority"] == alone.controls["majority"]["accuracy"]


def test_a_probe_with_one_number_and_without_labels(layered):
    val, _ = parts(layered[0])
    result = Guillotine(probe={"name": "kendall_tau"}).evaluate(val)
    assert set(result.value) == {"early", "middle", "embedding"}
    assert result.details["metric"] == "kendall_tau"
    assert result.value["middle"] > result.value["early"]


def test_what_is_wrong_is_said(phased, layered):
    frames, segments = layered
    val, train = parts(frames)
    with pytest.raises(InputError, match="embedding alone"):
        Guillotine().evaluate(*reversed(parts(phased[0])), None)
    with pytest.raises(InputError, match=r"'precision' is not among \['recall', 'accuracy'\]"):
        Guillotine(metric="precision").evaluate(val, segments, train)
    with pytest.raises(InputError, match="gives one number"):
        Guillotine(probe={"name": "kendall_tau"}, metric="tau").evaluate(val)
    with pytest.raises(ConfigError, match=r"guillotine\.probe"):
        Guillotine(probe={"name": "kendal_tau"}).evaluate(val)
    with pytest.raises(InputError, match="training videos hold layers"):
        Guillotine().evaluate(val, segments, parts(phased[0])[1])
    mixed = Frames([val[0], val[1]._replace(extra={})])
    with pytest.raises(InputError, match="the first video has"):
        Guillotine().evaluate(mixed, segments, train)
