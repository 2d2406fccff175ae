"""What an adaptation trains, measures and judges, without any training: halves, groups, and the steps that the time allows."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mvssl.api import _adapt
from mvssl.api._adapt_material import Material, folds
from mvssl.api._adapt_verdict import Verdict
from mvssl.evaluation import Result
from mvssl.frames import Frames, VideoFrames
from mvssl.types import Video

GROUPS = ("g0", "g0", "g1", "g1", "g2", "g2")
VIDEOS = [Video(f"v{i}", f"v{i}.mp4", group=group) for i, group in enumerate(GROUPS)]


class Kept:
    """Stands for features; remembers of which videos."""

    plain = SimpleNamespace(ids=[video.id for video in VIDEOS])

    def of(self, ids):
        return tuple(ids)


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """An adaptation of six videos with what it does recorded: trained[run] = values, measured, judged."""
    found = SimpleNamespace(trained={}, measured=[], judged={})

    def experiment(values, part, run, number, where):
        return SimpleNamespace(model_dump=lambda mode: {"ids": [video.id for video in part], "steps": number})

    def pretraining(values, run, **_):
        found.trained[Path(run)] = values
        return Path(run)

    def measure(parts):
        found.measured.append(parts)
        return Result({"warp": 0.0}, {"warp": np.zeros(len(VIDEOS))}, units=GROUPS)

    def judge(*rows, **about):
        found.judged = about
        return Verdict(False, (), "")

    monkeypatch.setattr(_adapt, "_experiment", experiment)
    monkeypatch.setattr(_adapt, "run_pretraining", pretraining)
    monkeypatch.setattr(_adapt, "_materials", lambda *_: (Kept(), Kept()))
    monkeypatch.setattr(_adapt, "zero_shot_rows", lambda own, default: {"time only": (own, ""), "zero-shot": (own, "")})
    monkeypatch.setattr(_adapt, "_projection", lambda run: run)
    monkeypatch.setattr(_adapt, "measure", measure)
    monkeypatch.setattr(_adapt, "judge", judge)
    monkeypatch.setattr(_adapt, "write_results", lambda path, *_, **__: path)
    (tmp_path / "work").mkdir()
    _adapt._adapted(list(VIDEOS), tmp_path, 5.0, 7, (), 0, False, 0.0)
    return found


def test_every_model_is_measured_on_videos_it_has_not_seen(seen, tmp_path):
    everything = {video.id for video in VIDEOS}
    assert set(seen.trained.pop(tmp_path)["ids"]) == everything, "the saved one is trained on all"
    adapted = seen.measured[-1]
    assert len(adapted) == len(seen.trained) == 2
    for ids, model in adapted:
        assert set(ids) | set(seen.trained[model]["ids"]) == everything
        assert not set(ids) & set(seen.trained[model]["ids"])
    assert sorted(one for ids, _ in adapted for one in ids) == sorted(everything)


def test_every_training_has_the_same_length_and_every_row_the_same_parts(seen):
    assert [values["steps"] for values in seen.trained.values()] == [7, 7, 7]
    halves = [[ids for ids, _ in parts] for parts in seen.measured]
    assert halves == [halves[0]] * 3
    assert [[video.id for video in test] for test, _ in folds(VIDEOS)] == [list(ids) for ids in halves[0]]


def test_the_verdict_counts_groups_and_knows_of_the_halves(seen):
    assert seen.judged["units"] == GROUPS
    assert seen.judged["held_out"] is True


@pytest.mark.parametrize(("limit_s", "steps"), [(1000.0, 250), (10.0, 50), (1e6, 1200)])
def test_steps_are_those_that_fit_into_the_time_of_all_trainings(tmp_path, monkeypatch, limit_s, steps):
    """.85 of 1000 s, less 100 s that went, over three trainings of 1 s a step; at least 50, at most 4 x 300."""
    (tmp_path / "model").mkdir()
    times_s = [9.0, 0.8, 1.0, 1.0, 1.2]  # the first is not counted
    lines = [json.dumps({"data_s": 0.25 * time_s, "step_s": 0.75 * time_s}) for time_s in times_s]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(_adapt, "time", SimpleNamespace(perf_counter=lambda: 100.0))
    monkeypatch.setattr(_adapt, "FOR_MEASURING", 0.15)
    found = _adapt._timed(tmp_path, lambda: None, 3, {"train": {"steps": 300}}, 0.0, limit_s)
    assert found == steps
    assert not (tmp_path / "model").exists()
    again = _adapt._timed(tmp_path, lambda: pytest.fail("decided once"), 1, {}, 0.0, 1.0)
    assert again == steps


@pytest.mark.parametrize("centred", [False, True])
def test_zero_shot_features_are_scaled_map_by_map_and_row_by_row(rng, centred):
    rows = rng.normal(size=(12, 5)) * (30, 30, 30, 1, 1)
    table = Frames([VideoFrames("v", np.arange(12), np.arange(12) / 10, rows.astype(np.float32))])
    parts = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in np.split(rows, [3], axis=1)]
    expected = np.concatenate(parts, axis=1)
    expected = expected - expected.mean(0) if centred else expected
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = Material(table, table, (3, 2)).unit(table, centred=centred)[0].embedding
    np.testing.assert_allclose(found, expected, atol=1e-5)
