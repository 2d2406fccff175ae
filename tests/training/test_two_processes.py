"""Two processes train what one process trains: the same losses with the same global batch."""

import json
import os
import subprocess
import sys

import pytest
import torch
import yaml

from mvssl.training import pretrain


@pytest.mark.parametrize("freeze", ["all", pytest.param("none", marks=pytest.mark.slow)])
def test_two_processes_equal_one(tiny_config, tmp_path, freeze):
    """Also where the backbone is trained and has batch norms."""
    if freeze == "none":
        tiny_config["encoder"]["freeze"], tiny_config["cache"]["passes"] = freeze, 0
    tiny_config["encoder"]["dropout"] = 0.0  # its draws differ between processes by design
    tiny_config["objective"]["negatives"] = "gathered"
    tiny_config["optimiser"]["lr"] = 1e-3 if freeze == "all" else 1e-5  # so that rounding does not grow over the steps
    tiny_config["train"]["steps"] = 4
    tiny_config["cache"]["folder"] = str(tmp_path / "cache")
    one = pretrain(tiny_config, tmp_path / "one", progress=False)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_config))
    command = [
        sys.executable,
        "-m",
        "mvssl",
        "pretrain",
        str(path),
        "-o",
        str(tmp_path / "two"),
        "--num-processes",
        "2",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    last = torch.load(tmp_path / "two" / "checkpoints" / "step-00000004" / "training.pt", weights_only=True)
    assert last["environment"]["world_size"] == "2"
    first, second = (
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (one, tmp_path / "two")
    )
    assert len(first) == len(second) == 4
    for a, b in zip(first, second):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-3)
        assert b["valid_frames"] == a["valid_frames"]
