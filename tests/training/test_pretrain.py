"""A whole run: it learns, it resumes bit for bit, and what goes wrong is said before or as it happens."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml

from mvssl import config
from mvssl.embedding import load
from mvssl.errors import ConfigError, InputError
from mvssl.objectives import names
from mvssl.training import Experiment, non_finite, pretrain
from mvssl.training import checkpoint as checkpoints


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run):
    return {line["step"]: line["loss"] for line in lines(run)}


def test_a_run_learns_and_can_be_used(tiny_config, tiny_videos, tmp_path):
    tiny_config["train"]["steps"] = 40
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    found = losses(run)
    assert list(found) == list(range(40))
    assert np.mean([found[s] for s in range(35, 40)]) < 0.8 * found[0]
    time_s, embeddings = load(run).embed(tiny_videos / "videos" / "v5.mp4")
    assert embeddings.shape == (20, 128)
    assert np.allclose(time_s, np.arange(20) / 10, atol=1e-3)


def test_pictures_and_cached_features_train_the_same_without_augmentation(tiny_config, tmp_path):
    tiny_config["views"] = {"name": "evaluation", "size": 32}
    tiny_config["encoder"]["dropout"] = 0.0
    tiny_config["optimiser"]["lr"] = 1e-5  # so that rounding does not grow over the steps
    cached = pretrain(tiny_config, tmp_path / "cached", progress=False)
    pictures = pretrain({**tiny_config, "cache": {"passes": 0}}, tmp_path / "pictures", progress=False)
    for step, loss in losses(pictures).items():
        assert losses(cached)[step] == pytest.approx(loss, rel=1e-3)  # features are kept in half precision


def test_members_are_trained_apart_and_embed_together(tiny_config, tiny_videos, tmp_path):
    tiny_config["encoder"] |= {"members": 2, "embedding_dim": 8}
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    assert load(run).embed(tiny_videos / "videos" / "v5.mp4")[1].shape == (20, 16)
    found = losses(run)
    assert found[7] < found[0]
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize("stop", [2, 5])
def test_an_interrupted_run_goes_on_bit_for_bit(tiny_config, tmp_path, monkeypatch, stop):
    whole = losses(pretrain(tiny_config, tmp_path / "whole", progress=False))
    real = non_finite.judge

    def interrupted(loss, norm, accelerator):
        interrupted.steps += 1
        if interrupted.steps == stop:
            raise KeyboardInterrupt
        return real(loss, norm, accelerator)

    interrupted.steps = 0
    monkeypatch.setattr(non_finite, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    monkeypatch.setattr(non_finite, "judge", real)
    assert losses(pretrain(tiny_config, tmp_path / "run", progress=False)) == whole


def test_a_killed_run_goes_on_bit_for_bit(tiny_config, tmp_path):
    tiny_config["train"] |= {"steps": 60, "checkpoint_every": 2}
    whole = losses(pretrain(tiny_config, tmp_path / "whole", progress=False))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_config))
    command = [sys.executable, "-m", "mvssl", "pretrain", str(path), "-o", str(tmp_path / "run")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    process = subprocess.Popen(command, **quiet)
    while not list((tmp_path / "run" / "checkpoints").glob("step-*")):
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = [] if not (tmp_path / "run" / "metrics.jsonl").exists() else list(losses(tmp_path / "run"))
    assert len(done) < 60, "the run was over before it was killed"
    assert losses(pretrain(tiny_config, tmp_path / "run", progress=False)) == whole


def test_a_half_written_checkpoint_is_not_seen(tmp_path):
    module = torch.nn.Linear(2, 2)
    good = checkpoints.save(tmp_path, 3, weights=module.state_dict(), training={"step": 3}, keep=2)
    half = tmp_path / ".step-00000006.99.tmp"
    half.mkdir()
    (half / "module.safetensors").write_bytes(b"half")
    assert checkpoints.newest(tmp_path) == good
    assert not half.exists()


def test_old_checkpoints_are_removed_and_a_failed_write_keeps_the_last(tmp_path, monkeypatch):
    module = torch.nn.Linear(2, 2)
    for step in (1, 2, 3):
        last = checkpoints.save(tmp_path, step, weights=module.state_dict(), training={"step": step}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(InputError, match="step-00000003"):
        checkpoints.save(tmp_path, 4, weights=module.state_dict(), training={}, keep=2)
    assert checkpoints.newest(tmp_path) == last


@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_a_loss_that_is_not_finite_is_never_stepped_on(tiny_config, tmp_path, monkeypatch, policy):
    tiny_config["train"]["non_finite"] = policy
    from mvssl.objectives.carl import CARL

    real = CARL.forward

    def broken(self, features, context):
        terms = real(self, features, context)
        return {**terms, "loss": terms["loss"] * float("nan")} if context.step == 4 else terms

    monkeypatch.setattr(CARL, "forward", broken)
    if policy == "stop":
        with pytest.raises(InputError, match=r"step 4: loss nan.*non_finite\.jsonl"):
            pretrain(tiny_config, tmp_path / "run", progress=False)
    else:
        pretrain(tiny_config, tmp_path / "run", progress=False)
        assert [line["skipped"] for line in lines(tmp_path / "run")] == [0, 0, 0, 0, 1, 1, 1, 1]
        assert np.isfinite([loss for step, loss in losses(tmp_path / "run").items() if step != 4]).all()
    report = json.loads((tmp_path / "run" / "non_finite.jsonl").read_text())
    assert report["step"] == 4
    assert len(report["videos"]) == 4


def test_supervision_reads_the_labels(tiny_config, tmp_path):
    tiny_config["objective"] = {"name": "classify", "level": "frame", "num_classes": 2}
    tiny_config["encoder"]["dropout"] = 0.0
    tiny_config["views"] = {"name": "evaluation", "size": 32}
    tiny_config["train"]["steps"] = 80
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    assert (
        np.mean([line["accuracy"] for line in lines(run)[-10:]]) > 0.9
    )  # noise pictures: the training frames can be learnt by heart


def test_a_run_goes_on_only_with_its_own_configuration(tiny_config, tmp_path):
    pretrain(tiny_config, tmp_path / "run", progress=False)
    tiny_config["objective"]["temperature"] = 0.5
    with pytest.raises(InputError, match="begun with other values under objective"):
        pretrain(tiny_config, tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectve": {}}, "objectve: no such key; known: .*did you mean 'objective'"),
        ({"objective": {"name": "crl"}}, "no 'crl' in mvssl.objectives; known: .*did you mean"),
        ({"objective": {"name": "carl", "temprature": 1}}, "temprature: no such key; known: temperature"),
        ({"sampler": {"name": "carl", "num_frames": "many"}}, "num_frames: .*got 'many'"),
        ({"batch": {"size": 4, "group_by": "lable"}}, "batch.group_by: .*got 'lable'"),
        (
            {"encoder": {"name": "frame", "backbone": "test_resnet", "freeze": "none"}},
            "cache.passes: only a frozen",
        ),
        ({"data": {}}, "data.root: must be given"),
    ],
)
def test_a_wrong_configuration_is_one_line_with_the_way_out(tiny_config, change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Experiment.from_values({**tiny_config, **change}, "my.yaml")
    assert str(caught.value).startswith("my.yaml")
    assert "\n" not in str(caught.value)


def test_a_split_that_is_not_there_is_named(tiny_config, tmp_path):
    tiny_config["data"]["split"] = "trian"
    with pytest.raises(InputError, match="no video of split 'trian'; the index states train, val"):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_an_objective_that_pairs_videos_needs_batches_with_pairs(tiny_config, tmp_path):
    tiny_config["objective"] = {"name": "tcc", "pairs": "label"}
    with pytest.raises(ConfigError, match=r"tcc pairs videos by label.*set batch\.group_by=label"):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    tiny_config["batch"] = {"size": 4, "group_by": "label", "num_per_group": 2}
    assert losses(pretrain(tiny_config, tmp_path / "run", progress=False))


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in names() if n not in ("sum", "frame_wise")])
def test_every_objective_trains(tiny_config, tmp_path, name):
    """The shipped configuration of each objective, on the tiny videos."""
    shipped = config.load(config.find(name if name != "classify" else "carl", "pretrain"))
    tiny_config |= {key: shipped[key] for key in ("objective", "sampler", "modalities") if key in shipped}
    tiny_config["encoder"]["share"] = shipped["encoder"].get("share", "all")
    tiny_config["sampler"]["num_frames"] = 8
    tiny_config["batch"] = {**shipped["batch"], "size": 4, "num_per_group": 2}
    if name == "classify":
        tiny_config["objective"] = {"name": "classify", "level": "frame", "num_classes": 2}
    found = losses(pretrain(tiny_config, tmp_path / "run", progress=False))
    assert len(found) == 8
    assert np.isfinite(list(found.values())).all()
