"""Weights sharded over two processes (FSDP2): the numbers of plain data parallelism; whole checkpoints; what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from accelerate import DistributedType
from safetensors.torch import load_file

from mvssl.embedding import load
from mvssl.errors import ConfigError
from mvssl.training import Experiment, sharding
from mvssl.training.experiment import Train, build_module
from mvssl.types import Video

SHIPPED = Path(__file__).parents[2] / "configs" / "accelerate" / "fsdp2.yaml"
ON_CPU = """
from accelerate import DistributedType, PartialState

state = PartialState(cpu=True)
assert state.device.type == "cpu" and state.num_processes == 2
state._shared_state["distributed_type"] = DistributedType.MULTI_GPU  # accelerate shards on accelerators only

if __name__ == "__main__":
    from mvssl.cli import main

    main()
"""


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def run_two(command):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1500)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture
def sharded_config(tiny_config):
    """A trained vision transformer, an EMA copy of it and of the head, two micro-batches."""
    tiny_config["encoder"] |= {"backbone": "test_vit", "freeze": "none"}
    tiny_config["objective"] = {"name": "byol", "hidden_dim": 16, "dim": 16}
    tiny_config["optimiser"]["lr"] = 3e-4
    tiny_config["train"] |= {"steps": 4, "accumulate": 2, "checkpoint_every": 2}
    tiny_config["cache"]["passes"] = 0
    return tiny_config


@pytest.mark.slow
def test_sharded_weights_train_like_whole_ones(sharded_config, tiny_videos, tmp_path):
    path, script = tmp_path / "config.yaml", tmp_path / "on_cpu.py"
    path.write_text(yaml.safe_dump(sharded_config))
    script.write_text(ON_CPU)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(SHIPPED), str(script)]
    whole, sharded, resumed, plain = (tmp_path / name for name in ("whole", "sharded", "resumed", "plain"))

    run_two([*launch, "pretrain", str(path), "-o", str(sharded)])
    run_two([sys.executable, "-m", "mvssl", "pretrain", str(path), "-o", str(whole), "--num-processes", "2"])
    assert losses(sharded) == pytest.approx(losses(whole), rel=1e-5)
    assert len(set(losses(whole))) == 4

    newest = "checkpoints/step-00000004"
    mine, theirs = (load_file(run / newest / "module.safetensors") for run in (sharded, whole))
    assert {name: value.shape for name, value in mine.items()} == {name: value.shape for name, value in theirs.items()}
    apart = torch.cat([(mine[name].double() - theirs[name].double()).abs().flatten() for name in mine])
    assert apart.mean() < 1e-5  # they moved by about 1e-3; what has no gradient but rounding may differ by that
    video = tiny_videos / "videos" / "v5.mp4"
    assert np.allclose((load(sharded).embed(video)[1] * load(whole).embed(video)[1]).sum(1), 1.0, atol=1e-3)

    for copy in (resumed, plain):
        shutil.copytree(sharded, copy)
        shutil.rmtree(copy / newest)
    assert "step 2" in run_two([*launch, "pretrain", str(path), "-o", str(resumed)])
    assert losses(resumed) == losses(sharded)
    run_two([sys.executable, "-m", "mvssl", "pretrain", str(path), "-o", str(plain), "--num-processes", "2"])
    assert losses(plain) == pytest.approx(losses(whole), rel=1e-5), "a checkpoint does not depend on the sharding"


@pytest.mark.parametrize(
    ("kind", "version", "change", "message"),
    [
        (DistributedType.DEEPSPEED, 2, {}, r"DEEPSPEED: of sharded weights only FSDP2"),
        (DistributedType.FSDP, 1, {}, r"FSDP: of sharded weights only FSDP2.*fsdp_version: 2"),
        (DistributedType.FSDP, 2, {"train": {"chunk": 2}}, r"train\.chunk: GradCache"),
        (DistributedType.FSDP, 2, {"train": {"evaluate_every": 2}}, r"train\.evaluate_every: one process"),
        (DistributedType.FSDP, 2, {"train": {"precision": "fp16"}}, r"train\.precision: fp16 with sharded"),
        (DistributedType.FSDP, 2, {"objective": {"name": "ssl_hsic"}}, r"objective\.log_width is one number"),
    ],
)
def test_what_sharding_cannot_do_is_refused(tiny_config, kind, version, change, message):
    launched = SimpleNamespace(distributed_type=kind, is_fsdp2=kind == DistributedType.FSDP and version == 2)
    experiment = Experiment.from_values({**tiny_config, **change}, "test")
    module = build_module(experiment, [(Video("v", ""),)], [Video("v", "")])
    with pytest.raises(ConfigError, match=message):
        sharding.set_up(launched, module, experiment.train)


def test_a_plug_in_that_would_be_left_out_is_refused(monkeypatch):
    launched = SimpleNamespace(distributed_type=DistributedType.MULTI_CPU, num_processes=2)
    assert not sharding.set_up(launched, torch.nn.Linear(2, 2), Train())
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match=r"shards weights on accelerators only"):
        sharding.set_up(launched, torch.nn.Linear(2, 2), Train())
