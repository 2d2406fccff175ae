"""The ways to start two processes train the same run, bit for bit; on a cluster an interrupted job goes on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
import yaml
from typer.testing import CliRunner

from mvssl.api._submit import Pretraining
from mvssl.cli import app
from mvssl.errors import ConfigError

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "1"}
MVSSL = [sys.executable, "-m", "mvssl"]


def start(command):
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(*processes):
    said = [process.communicate(timeout=1500)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), "\n".join(said)[-5000:]
    return said


def losses(run):
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    assert torch.load(newest / "training.pt", weights_only=True)["environment"]["world_size"] == "2"
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def interrupt(process, run):
    """What Slurm sends before it takes the machine away, after the first checkpoint."""
    while not list((run / "checkpoints").glob("step-*")):
        assert process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.02)
    tasks = [p for p in psutil.Process(process.pid).children(recursive=True) if "submitit.core._submit" in p.cmdline()]
    assert len(tasks) == 2
    for task in tasks:
        task.send_signal(signal.SIGUSR2)


@pytest.mark.slow
def test_every_launcher_gives_the_same_losses(tiny_config, tmp_path):
    pytest.importorskip("submitit")
    tiny_config["train"] |= {"steps": 60, "checkpoint_every": 2}
    tiny_config["cache"]["folder"] = str(tmp_path / "cache")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_config))
    one, submitted, machines = (tmp_path / name for name in ("one", "submitted", "machines"))
    finished(start([*MVSSL, "pretrain", str(path), "-o", str(one), "--num-processes", "2"]))
    wanted = losses(one)
    assert len(wanted) == 60

    flags = ["--processes-per-node", "2", "--local", "--logs", str(tmp_path / "logs")]
    job = start([*MVSSL, "submit", str(path), "-o", str(submitted), *flags])
    interrupt(job, submitted)
    finished(job)
    assert losses(submitted) == wanted
    log = "".join(file.read_text() for file in (tmp_path / "logs").glob("*_0_log.*"))
    assert "Requeued job" in log
    assert f"going on from {submitted}" in log

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "2"]
    launch += ["--num_processes", "2", "--main_process_ip", "127.0.0.1", "--main_process_port", port]
    train = ["-m", "mvssl", "pretrain", str(path), "-o", str(machines)]
    finished(*(start([*launch, "--machine_rank", str(rank), *train]) for rank in range(2)))
    assert losses(machines) == wanted


def test_a_job_that_is_put_back_is_the_same_job(tmp_path):
    helpers = pytest.importorskip("submitit.helpers")
    job = Pretraining("carl", ["data.root=videos"], tmp_path / "run")
    again = job.checkpoint()
    assert isinstance(again, helpers.DelayedSubmission)
    assert again.function is job


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--slurm", "partition"], r"--slurm 'partition': is written key=value"),
        (["--local", "--slurm", "partitoin=gpu"], r"mvssl submit: .*partitoin"),
        (["--local", "--nodes", "2"], r"mvssl submit: .*one node"),
        ([], r"mvssl submit: .*slurm.*--local"),
        (["train.stepz=3"], r"train\.stepz: no such key"),
    ],
)
def test_what_cannot_be_submitted_is_said_at_once(tiny_config, tmp_path, flags, message):
    pytest.importorskip("submitit")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_config))
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, ["submit", str(path), *flags, "--logs", str(tmp_path / "logs")], catch_exceptions=False)
