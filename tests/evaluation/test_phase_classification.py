from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from sklearn.svm import SVC

from mvssl.errors import InputError
from mvssl.evaluation import PhaseClassification, phase_classification
from mvssl.frames import Frames


def data(rng, num_videos):
    videos = [rng.normal(size=(int(rng.integers(15, 30)), 3)) for _ in range(num_videos)]
    labels = [(rows[:, 0] + 0.7 * rng.normal(size=len(rows)) > 0.4).astype(int) + (rows[:, 1] > 1) for rows in videos]
    labels[0][:5] = -1
    return videos, labels


@pytest.mark.parametrize(("name", "model"), [("logistic", LogisticRegression(max_iter=100_000)), ("svm", SVC())])
def test_equals_scikit_learn(rng, name, model):
    (train, y), (val, z) = data(rng, 8), data(rng, 5)
    result = phase_classification(train, y, val, z, classifier=name)
    flat, truth = np.concatenate(y), np.concatenate(z)
    found = model.fit(np.concatenate(train)[flat >= 0], flat[flat >= 0]).predict(np.concatenate(val)[truth >= 0])
    truth = truth[truth >= 0]
    assert result.value["accuracy"] == accuracy_score(truth, found)
    assert result.value["recall"] == pytest.approx(balanced_accuracy_score(truth, found))
    np.testing.assert_array_equal(result.details["confusion"], confusion_matrix(truth, found))
    low, high = result.interval["accuracy"]
    assert low < result.value["accuracy"] < high
    lengths = [(row >= 0).sum() for row in z]
    per_video = [
        np.mean(a == b) for a, b in zip(np.split(truth, np.cumsum(lengths)), np.split(found, np.cumsum(lengths))[:-1])
    ]
    np.testing.assert_allclose(result.per_video["accuracy"], per_video)
    assert (result.details["predictions"][0][:5] == "").all()


def test_a_class_never_seen_in_training_counts_as_missed(rng):
    train = [np.array([[0.0], [1.0]] * 5)]
    result = phase_classification(
        train, [np.array([0, 1] * 5)], [np.array([[0.0], [1.0], [2.0]])], [np.array([0, 1, 2])]
    )
    assert result.details["per_class"]["2"] == 0.0
    assert result.value["recall"] == pytest.approx(2 / 3)


def test_one_training_class_is_always_said():
    result = phase_classification([np.zeros((4, 2))], [np.full(4, "a")], [np.ones((4, 2))], [np.array(list("aabb"))])
    assert result.value == {"recall": 0.5, "accuracy": 0.5}


def test_unlabelled_videos_are_counted_and_no_label_at_all_is_refused(rng):
    (train, y), (val, z) = data(rng, 4), data(rng, 3)
    assert phase_classification(train, y, val, [z[0], z[1], np.full(len(z[2]), -1)]).undefined == 1
    with pytest.raises(InputError, match="no labelled frame in the validation videos"):
        phase_classification(train, y, val, [np.full(len(row), -1) for row in z])
    with pytest.raises(InputError, match="'logistic' or 'svm'"):
        phase_classification(train, y, val, z, classifier="forest")


def test_component_reads_labels_and_states_controls(phased):
    frames, segments = phased
    train, val = frames.where(split="train"), frames.where(split="val")
    result = PhaseClassification().evaluate(val, segments, train)
    assert result.value["accuracy"] > 0.97
    assert set(result.controls) == {"majority", "time only, relative", "time only, absolute"}
    assert result.controls["majority"]["recall"] == pytest.approx(1 / 3)
    assert result.controls["time only, relative"]["accuracy"] < result.value["accuracy"]
    assert result.videos == tuple(val.ids)


def test_fraction_draws_whole_videos_of_each_action(phased):
    frames, segments = phased
    frames = Frames([v._replace(label="ab"[i % 2]) for i, v in enumerate(frames)])
    train, val = frames.where(split="train"), frames.where(split="val")
    result = PhaseClassification(fraction=0.25).evaluate(val, segments, train)
    assert result.details["num_train_videos"] == 2  # of eight, one of each action
    with pytest.raises(InputError, match=r"\(0, 1\]"):
        PhaseClassification(fraction=0.0).evaluate(val, segments, train)


def test_a_leaky_split_is_refused(phased):
    frames, segments = phased
    train, val = frames.where(split="train"), frames.where(split="val")
    leaky = Frames([val[0]._replace(group="g3"), *val[1:]])
    with pytest.raises(InputError, match="leaky split: group 'g3' is in both"):
        PhaseClassification().evaluate(leaky, segments, train)
    leaky = Frames([val[0]._replace(session="s0"), *val[1:]])
    with pytest.raises(InputError, match="leaky split: session 's0' is in both"):
        PhaseClassification().evaluate(leaky, segments, train)
    with pytest.raises(InputError, match=r"leaky split: video 'v00\.mp4' is in both"):
        PhaseClassification().evaluate(Frames([*val, train[0]]), segments, train)
    with pytest.raises(InputError, match="needs labels and training videos"):
        PhaseClassification().evaluate(val, segments)
