"""Self-training on a few videos: the verdict's rule in closed form, the folds, and a whole adaptation in three steps."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
import timm
import torch

from mvssl import cli
from mvssl.api import adapt
from mvssl.api._adapt_material import MEASURES, folds
from mvssl.api._adapt_verdict import judge
from mvssl.embedding import load
from mvssl.errors import ConfigError, InputError
from mvssl.evaluation.results_file import read_results
from mvssl.training import run_lock
from mvssl.types import Video
from mvssl.video import write_video


def errors(**values):
    return {name: np.array(column, dtype=float) for name, column in values.items()}


def verdict(adapted, zero_shot, clock, held_out=True):
    return judge(adapted, zero_shot, clock, held_out=held_out, generator=np.random.default_rng(0))


ZERO = {
    "raw": errors(warp=[0.8, 0.9, 0.7, 0.8], cycle=[0.2] * 4),
    "centred": errors(warp=[0.4, 0.5, 0.3, 0.4], cycle=[0.3] * 4),
}
CLOCK = errors(warp=[0.6] * 4, cycle=[0.0] * 4)


def test_better_where_every_video_aligns_better_than_the_best_zero_shot_row():
    found = verdict(errors(warp=[0.3, 0.4, 0.2, 0.3], cycle=[0.2] * 4), ZERO, CLOCK)
    assert found.better
    warp, cycle = found.findings
    assert (warp.rival, warp.kind, cycle.rival, cycle.kind) == ("centred", "better", "raw", "undecided")
    assert warp.interval == pytest.approx((-0.1, -0.1))
    assert found.words.startswith("better than zero-shot\nwarp: 0.300 against 0.400 (centred)")
    assert "had not seen" in found.words


def test_one_video_that_aligns_much_worse_leaves_it_undecided():
    found = verdict(errors(warp=[0.3, 0.4, 0.2, 0.7], cycle=[0.2] * 4), ZERO, CLOCK)
    assert not found.better
    assert found.findings[0].kind == "undecided"
    assert "--minutes" in found.words
    assert "zero-shot stays the default" in found.words


def test_a_measure_that_is_worse_forbids_better():
    found = verdict(errors(warp=[0.1] * 4, cycle=[0.4] * 4), ZERO, CLOCK)
    assert not found.better
    assert [finding.kind for finding in found.findings] == ["better", "worse"]
    assert "cycle: 0.400 against 0.200 (raw)" in found.words


def test_a_gain_in_cycles_alone_is_no_better_alignment():
    assert not verdict(errors(warp=[0.4, 0.5, 0.3, 0.4], cycle=[0.0] * 4), ZERO, CLOCK).better


def test_what_the_clock_does_as_well_is_not_better():
    found = verdict(errors(warp=[0.3] * 4, cycle=[0.2] * 4), ZERO, errors(warp=[0.2] * 4, cycle=[0.0] * 4))
    assert not found.better
    assert "the clock alone aligns as well" in found.words


def test_two_videos_must_both_be_better_and_the_copies_are_named():
    zero = {"raw": errors(warp=[0.5, 0.5])}
    clock = errors(warp=[0.9, 0.9])
    assert verdict(errors(warp=[0.4, 0.3]), zero, clock, held_out=False).better
    found = verdict(errors(warp=[0.0, 0.51]), zero, clock, held_out=False)
    assert not found.better
    assert "very videos that were trained on" in found.words


def test_an_undefined_measure_is_left_out():
    found = verdict(
        errors(warp=[0.1, 0.1], cycle=[np.nan, 0.1]), {"raw": errors(warp=[1, 1], cycle=[np.nan, 1])}, CLOCK
    )
    assert [finding.measure for finding in found.findings] == ["warp"]


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (["", "", "", ""], (2, 2)),
        (["a", "a", "a", "b"], None),
        (["a", "a", "b", "b", "b"], (3, 2)),
        (["", "", ""], None),
    ],
)
def test_folds_keep_groups_whole(groups, sizes):
    videos = [Video(f"v{i}", f"v{i}.mp4", group=group) for i, group in enumerate(groups)]
    found = folds(videos)
    if sizes is None:
        assert found == []
        return
    (test, train), (other_test, other_train) = found
    assert (len(test), len(train)) == sizes
    assert (other_test, other_train) == (train, test)
    assert sorted([*test, *train]) == sorted(videos)
    assert not {video.group for video in test} & {video.group for video in train} - {""}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Four videos of 20 frames, and what makes the recipe small."""
    root = tmp_path_factory.mktemp("adapt")
    weights = root / "w.pth"
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet").state_dict(), weights)
    rng = np.random.default_rng(0)
    (root / "videos").mkdir()
    for name in "abcd":
        write_video(root / "videos" / f"{name}.mp4", rng.integers(0, 255, (20, 32, 32, 3), dtype=np.uint8), fps=10)
    encoder = {
        "name": "frame", "backbone": "test_resnet", "weights": str(weights), "freeze": "all", "mlp": [8], "dim": 16,
        "num_heads": 2, "hidden": 16, "num_layers": 1, "embedding_dim": 8, "members": 2, "stage": 2, "centre": True,
    }  # fmt: skip
    overrides = [f"encoder={json.dumps(encoder)}", "sampler.num_frames=8", "views.size=32", "embed.size=32"]
    return root / "videos", [*overrides, "cache.passes=2"]


def run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["mvssl", "adapt", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    return code, capsys.readouterr()


def test_three_steps_from_videos_to_a_verdict_and_a_run(small, tmp_path, monkeypatch, capsys):
    videos, overrides = small
    options = [word for override in overrides for word in ("--set", override)]
    output = tmp_path / "adapted"
    code, shown = run(monkeypatch, capsys, videos, "-o", output, "--steps", 3, *options)
    assert code == 0, shown.err
    assert "better than zero-shot" in shown.out
    results = read_results(output)
    assert set(results["rows"]) == {
        "time only", "zero-shot", "zero-shot, centred", "zero-shot, recipe's map, centred", "adapted",
    }  # fmt: skip
    for row in results["rows"].values():
        value = row["adaptation"]["value"]
        assert set(value) == set(MEASURES)
        assert all(number >= 0 for number in value.values())
        assert row["adaptation"]["videos"] == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]
    assert results["settings"]["two_fold"]
    assert results["settings"]["steps"] == 3
    time_s, embedding = load(output).embed(videos / "a.mp4")
    assert embedding.shape == (len(time_s), 16)
    assert not (output / "work").exists()
    code, shown = run(monkeypatch, capsys, videos, "-o", output)
    assert (code, shown.err.count("\n")) == (2, 1)
    assert "finished adaptation" in shown.err


def test_two_videos_are_measured_on_copies_and_the_steps_follow_from_the_time(small, tmp_path, monkeypatch, capsys):
    from mvssl.api import _adapt

    videos, overrides = small
    monkeypatch.setattr(_adapt, "FIRST_STEPS", 2)
    monkeypatch.setattr(_adapt, "LEAST_STEPS", 3)
    found = _adapt.adapt(
        [videos / "a.mp4", videos / "b.mp4"], tmp_path / "two", minutes=1e-6, overrides=overrides, progress=False
    )
    assert found.steps == 3
    assert "the time is up" in capsys.readouterr().out
    assert "very videos that were trained on" in found.verdict.words
    assert json.loads((tmp_path / "two" / "steps.json").read_text())["fitting"] <= 0
    assert read_results(found.results)["settings"]["two_fold"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"videos": ["a.mp4"]}, "two or more"),
        ({"minutes": 0}, "minutes must be above 0"),
        ({"overrides": ["encoder.freeze=none"]}, "freeze"),
    ],
)
def test_what_is_refused(small, tmp_path, change, message):
    from mvssl.api import adapt

    videos, overrides = small
    sources = [videos / name for name in change.pop("videos", ["a.mp4", "b.mp4"])]
    given = {"minutes": 1.0, **change}
    given["overrides"] = [*overrides, *given.get("overrides", [])]
    with pytest.raises((InputError, ConfigError), match=message):
        adapt(sources, tmp_path / "out", progress=False, **given)


def test_two_adaptations_do_not_share_a_folder(small, tmp_path, monkeypatch):
    monkeypatch.setitem(run_lock._held, (os.getpid(), (tmp_path / "run").resolve()), -1)  # another thread's
    with pytest.raises(InputError, match=rf"process {os.getpid()} on \S+ trains there"):
        adapt(small[0], tmp_path / "run", steps=3, overrides=small[1], progress=False)
    assert not (tmp_path / "run" / "videos.parquet").exists()
