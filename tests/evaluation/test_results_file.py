from __future__ import annotations

import json

import numpy as np
import pytest

from mvssl import evaluation
from mvssl.errors import ConfigError, InputError
from mvssl.evaluation import Result, evaluate_frames, time_only
from mvssl.evaluation.results_file import NOT_RUN, compare_results, data_hash, read_results, write_results
from mvssl.evaluation.suite import all_evaluators, camera_evaluators
from mvssl.frames import Frames


@pytest.fixture
def written(phased, tmp_path):
    frames, segments = phased
    rows = {
        "method": evaluate_frames(frames, segments),
        "time only": evaluate_frames(time_only(frames), segments),
        "supervised reference": NOT_RUN,
    }
    write_results(tmp_path / "out" / "results.json", rows, frames, segments, settings={"tries": 1})
    return tmp_path / "out"


def test_the_file_says_what_was_measured_on_by_what_and_how(written, phased):
    content = read_results(written)
    assert content["rows"]["supervised reference"] == "not run"
    assert content["data"]["hash"] == data_hash(*phased)
    assert content["data"]["num_videos"] == {"train": 8, "val": 4}
    assert content["data"]["labels"] == ["one", "two", "three"]
    assert "tau-b = " in content["definitions"]["kendall_tau"]
    assert "precision@K = " in content["definitions"]["frame_retrieval"]
    result = content["rows"]["method"]["phase_classification"]
    assert set(result) >= {"value", "interval", "undefined", "controls", "per_video", "videos"}
    assert content["settings"] == {"tries": 1}
    assert {"mvssl", "numpy", "scikit-learn"} <= set(content["versions"])
    assert not list(written.glob("*.tmp"))


def test_the_hash_sees_labels_times_and_splits_but_not_embeddings(phased):
    frames, segments = phased
    same = data_hash(frames, segments)
    assert data_hash(time_only(frames), segments) == same
    moved = Frames([frames[0]._replace(split="val"), *frames[1:]])
    later = Frames([frames[0]._replace(time_s=frames[0].time_s + 0.01), *frames[1:]])
    assert len({same, data_hash(frames), data_hash(moved, segments), data_hash(later, segments)}) == 4


def test_comparison_of_two_files(written, phased, tmp_path, rng):
    frames, segments = phased
    worse = frames.with_embeddings([v.embedding + 8 * rng.normal(size=v.embedding.shape) for v in frames])
    write_results(tmp_path / "b.json", {"other": evaluate_frames(worse, segments)}, frames, segments)
    table = compare_results(written, tmp_path / "b.json", "method", other_row="other", generator=rng)
    row = table["frame_retrieval/precision@5"]
    assert row["difference"] == pytest.approx(row["first"] - row["second"])
    assert row["interval"][0] > 0
    assert row["p_value"] == pytest.approx(2 / 16)  # four videos
    assert {row["verdict"] for row in table.values()} == {"needs 6 independent videos"}
    assert {"phase_classification/recall", "kendall_tau"} <= set(table)
    same = compare_results(written, written, "method", generator=rng)
    assert all(row["difference"] == 0 for row in same.values())


def stored(path, frames, **columns):
    """A results file of one row with these values per video, two videos of a group where there are groups."""
    units = tuple(f"group {v.group}" if v.group else v.video for v in frames)
    found = {
        name: Result(float(np.mean(values)), np.array(values), videos=tuple(frames.ids), units=units)
        for name, values in columns.items()
    }
    write_results(path, {"this run": found}, frames)
    return path


def test_verdicts_of_a_comparison_count_metrics_and_units(make_video, tmp_path, rng):
    noise = rng.normal(size=(3, 9))
    alone = Frames([make_video(f"v{i}", np.ones((3, 1))) for i in range(9)])
    first = stored(tmp_path / "a.json", alone, up=noise[0] + 1, same=noise[1], down=noise[2] - 1)
    second = stored(tmp_path / "b.json", alone, up=noise[0], same=noise[1][::-1], down=noise[2])
    table = compare_results(first, second, "this run", generator=rng)
    words = ["first is higher", "not shown", "second is higher"]
    assert [table[name]["verdict"] for name in ("up", "same", "down")] == words
    assert table["up"]["p_value"] == pytest.approx(2 / 2**9)
    assert table["up"]["adjusted"] >= table["up"]["p_value"]
    assert table["same"]["adjusted"] > 0.05
    groups = Frames([make_video(f"v{i}", np.ones((3, 1)), group=f"g{i // 2}") for i in range(9)])
    first, second = (
        stored(tmp_path / "c.json", groups, up=noise[0] + 1),
        stored(tmp_path / "d.json", groups, up=noise[0]),
    )
    row = compare_results(first, second, "this run", generator=rng)["up"]
    assert (row["num_units"], row["num_videos"], row["verdict"]) == (5, 9, "needs 6 independent videos")


def test_a_verdict_needs_the_p_value_with_regard_to_all_metrics(make_video, tmp_path, rng):
    """Seven videos differ alike: the interval lies above 0, the p-value, 1 in 64, is not below 5 % among ten metrics."""
    frames = Frames([make_video(f"v{i}", np.ones((3, 1))) for i in range(7)])
    gain = np.array([1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 1.05])
    noise = {f"noise{i}": rng.normal(size=7) for i in range(9)}
    first = stored(tmp_path / "a.json", frames, gain=gain, **noise)
    second = stored(tmp_path / "b.json", frames, gain=0 * gain, **{name: 0 * values for name, values in noise.items()})
    row = compare_results(first, second, "this run", generator=rng)["gain"]
    assert row["interval"][0] > 0
    assert row["p_value"] < 0.05 < row["adjusted"]
    assert row["verdict"] == "not shown"


def test_a_file_of_an_earlier_version_has_no_units_and_every_video_counts(make_video, tmp_path, rng):
    frames = Frames([make_video(f"v{i}", np.ones((3, 1))) for i in range(7)])
    path = stored(tmp_path / "a.json", frames, up=np.arange(7.0))
    content = json.loads(path.read_text())
    del content["rows"]["this run"]["up"]["units"]
    path.write_text(json.dumps(content))
    assert Result.from_dict(content["rows"]["this run"]["up"]).units == ()
    assert compare_results(path, path, "this run", generator=rng)["up"]["num_units"] == 7


def test_refusals(written, phased, tmp_path, rng):
    frames, segments = phased
    other = Frames([v for v in frames if v.video != "v00.mp4"])
    few = {name: rows for name, rows in segments.items() if name != "v00.mp4"}
    results = {"method": evaluate_frames(other, type(segments)(few))}
    write_results(tmp_path / "other.json", results, other, type(segments)(few))
    with pytest.raises(InputError, match="different data"):
        compare_results(written, tmp_path / "other.json", "method", generator=rng)
    with pytest.raises(InputError, match="no numbers for 'supervised reference'; there are: method, time only"):
        compare_results(written, written, "supervised reference", generator=rng)
    with pytest.raises(InputError, match="no readable results"):
        read_results(tmp_path / "missing.json")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InputError, match="not one of results"):
        read_results(tmp_path / "other.json")


def test_all_evaluators_run_on_what_the_data_allows(phased):
    frames, segments = phased
    chosen = all_evaluators(frames, segments)
    assert "cross_view" not in chosen
    assert "action_classification" not in chosen
    results = evaluate_frames(frames, segments, evaluators=chosen)
    assert set(results) == set(chosen)
    json.dumps({name: result.to_dict() for name, result in results.items()}, allow_nan=False)
    assert results["phase_classification_svm"].value["accuracy"] > 0.9
    cameras = Frames(
        [v._replace(session=f"s{i // 2}", label="ab"[i // 2 % 2], camera=f"c{i % 2}") for i, v in enumerate(frames)]
    )
    assert "action_classification" in all_evaluators(cameras)
    assert set(camera_evaluators(cameras)) == {"offsets", "cross_view"}
    assert not camera_evaluators(frames)


def test_every_evaluator_has_its_name(phased):
    assert {"kendall_tau", "frame_retrieval", "phase_classification", "warp_error", "offsets"} <= set(
        evaluation.names()
    )
    for name in evaluation.names():
        assert evaluation.get(name)().evaluate
    with pytest.raises(ConfigError, match="did you mean 'kendall_tau'"):
        evaluation.get("kendal_tau")
    assert np.isfinite(evaluation.kendall_tau(phased[0].embeddings).value)  # the function, not the file of its name
