from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation._softmax_layer import softmax_layer
from mvssl.evaluation.frame_probe import FrameProbe
from mvssl.frames import Frames
from mvssl.labels import Segments


def split(frames):
    return frames.where(split="val"), frames.where(split="train")


def test_separable_elements_are_told_apart_and_noise_is_not(phased, rng):
    frames, segments = phased
    direction = {"one": 0, "two": 1, "three": 2}
    clear = frames.with_embeddings(
        [np.eye(3)[[direction[x] for x in segments.at(v.video, v.time_s)]] + 0.05 * rng.normal(size=(len(v.frame), 3))
         for v in frames]
    )  # fmt: skip
    val, train = split(clear)
    result = FrameProbe(epochs=30).evaluate(val, segments, train)
    assert result.value == {"recall": 1.0, "accuracy": 1.0}
    assert result.details["num_classes"] == 3
    np.testing.assert_array_equal(result.per_video["accuracy"], 1.0)
    val, train = split(frames.with_embeddings([rng.normal(size=(len(v.frame), 3)) for v in frames]))
    assert FrameProbe(epochs=30).evaluate(val, segments, train).value["accuracy"] < 0.6


def test_two_steps_of_the_training_by_hand(phased):
    """Gradient descent with momentum, weight decay and a cosine, written out for one batch per epoch."""
    frames, segments = phased
    val, train = split(frames)
    probe = FrameProbe(epochs=2, learning_rate=3.0, weight_decay=0.1)
    labels = [segments.at(v.video, v.time_s) for v in train]
    classes = np.unique(np.concatenate(labels))
    x = np.concatenate([v.embedding / np.linalg.norm(v.embedding, axis=1, keepdims=True) for v in train])
    one_hot = np.concatenate(labels)[:, None] == classes
    weight, bias, speed = np.zeros((3, 4)), np.zeros(3), None
    for rate in (3.0, 3.0 * (1 + np.cos(np.pi / 2)) / 2):
        score = np.exp(x @ weight.T + bias)
        error = (score / score.sum(1, keepdims=True) - one_hot) / len(x)
        step = [error.T @ x + 0.1 * weight, error.sum(0) + 0.1 * bias]
        speed = step if speed is None else [0.9 * old + new for old, new in zip(speed, step)]
        weight, bias = weight - rate * speed[0], bias - rate * speed[1]
    layer = softmax_layer(
        [np.float32(v.embedding) for v in train], labels, classes,
        epochs=probe.epochs, learning_rate=probe.learning_rate, momentum=probe.momentum, weight_decay=probe.weight_decay,
        videos_per_batch=probe.videos_per_batch, generator=np.random.default_rng(probe.seed),
    )  # fmt: skip
    np.testing.assert_allclose(layer.weight.detach(), weight, atol=1e-5)
    np.testing.assert_allclose(layer.bias.detach(), bias, atol=1e-5)


def test_frames_without_a_label_are_neither_fitted_nor_counted(phased):
    frames, segments = phased
    val, train = split(frames)
    few = Segments({name: rows[:2] if name != val.ids[0] else [] for name, rows in segments.items()})
    result = FrameProbe(epochs=5).evaluate(val, few, train)
    assert result.details["num_classes"] == 2
    assert result.undefined == 1
    assert np.isnan(result.per_video["accuracy"][0])
    with pytest.raises(InputError, match="no labelled frame in the validation videos"):
        FrameProbe().evaluate(val, Segments({name: segments[name] for name in train.ids}), train)
    with pytest.raises(InputError, match="leaky split"):
        FrameProbe().evaluate(val, segments, Frames([*train, val[0]]))
