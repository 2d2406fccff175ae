"""A few held-out videos are evaluated while a run trains: beside the controls, the best kept, and no draw changed."""

import json

import pytest

from mvssl.embedding import load
from mvssl.errors import ConfigError
from mvssl.training import pretrain
from mvssl.training.validation import few


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def evaluated(tiny_config):
    """Two of the six videos are held out (the index of the tiny videos holds out one)."""
    tiny_config["train"] |= {"evaluate_every": 4, "evaluate_videos": 3}
    return tiny_config


@pytest.fixture
def two_held_out(tiny_videos, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    (root / "videos").symlink_to(tiny_videos / "videos")
    for name in ("videos.csv", "segments.csv"):
        text = (tiny_videos / name).read_text()
        (root / name).write_text(text.replace("v4.mp4,train", "v4.mp4,val"))
    return root


@pytest.mark.parametrize("labelled", [True, False])
def test_rows_beside_the_controls_and_the_best_kept(evaluated, two_held_out, tmp_path, labelled):
    metric = "phase_classification/recall" if labelled else "warp_error/dtw_s"
    evaluated["data"]["root"] = str(two_held_out)
    if not labelled:
        (two_held_out / "segments.csv").unlink()
    plain = json.loads(json.dumps(evaluated))
    plain["train"]["evaluate_every"] = 0
    run = pretrain(evaluated, tmp_path / "run", progress=False)
    rows = lines(run / "evaluation.jsonl")
    assert [(row["step"], row["row"]) for row in rows] == [
        (0, "time only"), (0, "before training"), (4, "this run"), (8, "this run"),
    ]  # fmt: skip
    assert all(metric in row and "kendall_tau" in row for row in rows)
    best = json.loads((run / "checkpoints" / "best" / "best.json").read_text())
    choose = max if labelled else min
    assert best["value"] == choose(row[metric] for row in rows[2:])
    assert best["metric"] == metric
    assert load(run / "checkpoints" / "best").embed(two_held_out / "videos" / "v5.mp4")[1].shape == (20, 128)
    without = pretrain(plain, tmp_path / "plain", progress=False)
    assert [row["loss"] for row in lines(without / "metrics.jsonl")] == [
        row["loss"] for row in lines(run / "metrics.jsonl")
    ]


def test_it_goes_on_with_the_rows_of_the_interrupted_run(evaluated, two_held_out, tmp_path, monkeypatch):
    evaluated["data"]["root"] = str(two_held_out)
    whole = pretrain(evaluated, tmp_path / "whole", progress=False)
    from mvssl.training import non_finite

    real = non_finite.judge

    def interrupted(*about):
        interrupted.steps += 1
        if interrupted.steps == 6:
            raise KeyboardInterrupt
        return real(*about)

    interrupted.steps = 0
    monkeypatch.setattr(non_finite, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(evaluated, tmp_path / "run", progress=False)
    monkeypatch.setattr(non_finite, "judge", real)
    run = pretrain(evaluated, tmp_path / "run", progress=False)
    for name in ("evaluation.jsonl", "checkpoints/best/best.json"):
        assert (run / name).read_text() == (whole / name).read_text()


def test_nothing_held_out_is_refused(evaluated, tmp_path):
    with pytest.raises(ConfigError, match=r"train\.evaluate_every: needs two videos"):
        pretrain(evaluated, tmp_path / "run", progress=False)


def test_few_are_spread():
    from mvssl.types import Video

    videos = [Video(f"v{i}", "") for i in range(9)]
    assert [v.id for v in few(videos[::-1], 3)] == ["v0", "v4", "v8"]
