from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mvssl.errors import InputError
from mvssl.evaluation import ActionClassification, action_classification
from mvssl.frames import Frames


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture
def clips(rng):
    centres = rng.normal(size=(3, 6))

    def part(number):
        labels = [("run", "jump", "fall")[i % 3] for i in range(number)]
        return [centres[i % 3] + 1.3 * rng.normal(size=(4, 6)) for i in range(number)], labels

    return part(24), part(15)


def test_equals_scikit_learn(clips):
    (x, y), (u, v) = clips
    result = action_classification(x, y, u, v, k=7, temperature=0.1)
    model = LogisticRegression(max_iter=1000).fit(unit(np.concatenate(x)), np.repeat(y, 4))
    scores = [model.predict_proba(unit(rows)).mean(0) for rows in u]
    linear = model.classes_[np.argmax(scores, axis=1)] == np.array(v)
    assert result.value["linear"] == linear.mean()
    np.testing.assert_array_equal(result.per_video["linear"], linear)

    gallery, queries = (unit(np.stack([unit(rows).mean(0) for rows in part])) for part in (x, u))
    vote = KNeighborsClassifier(7, weights=lambda d: np.exp((1 - d**2 / 2) / 0.1)).fit(gallery, y)
    assert result.value["knn"] == vote.score(queries, v)
    order = np.argsort(-queries @ gallery.T, axis=1)
    right = np.array(y)[order] == np.array(v)[:, None]
    for rank in (1, 5, 10, 20):
        assert result.value[f"R@{rank}"] == right[:, :rank].any(1).mean()
    assert result.details["ranks_left_out"] == [50]
    assert result.controls["majority"]["linear"] == pytest.approx(1 / 3)


def test_separate_classes_are_told_apart_and_noise_is_not(rng):
    labels = ["a", "b"] * 20
    good = [np.array([[1.0, 0.0]]) if name == "a" else np.array([[0.0, 1.0]]) for name in labels]
    assert set(action_classification(good, labels, good, labels).value.values()) == {1.0}
    noise = [rng.normal(size=(1, 8)) for _ in labels]
    result = action_classification(noise, labels, [rng.normal(size=(1, 8)) for _ in range(400)], ["a", "b"] * 200)
    assert abs(result.value["knn"] - 0.5) < 0.12
    assert abs(result.value["linear"] - 0.5) < 0.12


def test_bad_input(clips):
    (x, y), (u, v) = clips
    with pytest.raises(InputError, match="each training video needs an action"):
        action_classification(x, ["", *y[1:]], u, v)
    with pytest.raises(InputError, match="two actions in training; all are 'run'"):
        action_classification(x, ["run"] * 24, u, v)


@pytest.fixture
def actions(make_video, rng):
    """Two actions told apart by their features; runs last 2 to 3 s, jumps 4 to 6 s."""
    videos = []
    for i in range(20):
        jump = i % 2
        num_frames = int(rng.integers(20, 30) * (1 + jump))
        rows = np.array([1.0, 5.0 * jump - 2]) + 0.3 * rng.normal(size=(num_frames, 2))
        half = {"clip": np.where(np.arange(num_frames)[:, None] < 2, rows, np.nan)}
        split = "train" if i < 12 else "val"
        label = ("run", "jump")[jump]
        videos.append(make_video(f"v{i:02d}", rows, split=split, label=label, session=f"s{i}", extra=half))
    return Frames(videos)


def test_component_with_the_duration_as_control(actions):
    train, val = actions.where(split="train"), actions.where(split="val")
    result = ActionClassification(k=5).evaluate(val, None, train)
    assert result.value["linear"] == result.value["knn"] == result.value["R@1"] == 1.0
    assert result.controls["majority"]["knn"] == 0.5
    assert result.controls["duration only"]["knn"] == 1.0  # durations do not overlap here
    assert result.videos == tuple(val.ids)
    clips = ActionClassification(column="clip", k=5).evaluate(val, None, train)
    assert clips.value["linear"] == 1.0
    with pytest.raises(InputError, match="no column 'layer'"):
        ActionClassification(column="layer").evaluate(val, None, train)


def test_a_take_in_both_splits_is_refused(actions):
    train, val = actions.where(split="train"), actions.where(split="val")
    leaky = Frames([val[0]._replace(session="s1"), *val[1:]])
    with pytest.raises(InputError, match="leaky split: session 's1'"):
        ActionClassification().evaluate(leaky, None, train)


@pytest.mark.real_data
def test_controls_of_falls_against_activities(real_table):
    """Ceiling camera left out, split by session: what majority and duration reach without looking at a picture."""
    frames, _, _ = real_table("falls")
    generator = np.random.default_rng(0)
    frames = frames.with_embeddings([generator.normal(size=(len(v.frame), 4)) for v in frames])
    one = Frames([v for v in frames if v.camera == "cam0"])
    result = ActionClassification(k=5).evaluate(one.where(split="val"), None, one.where(split="train"))
    assert result.controls["majority"]["linear"] == 0.5
    assert 0.5 <= result.controls["duration only"]["knn"] <= 1.0
    assert result.value["linear"] <= 0.8
