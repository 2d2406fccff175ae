"""One epoch of every clip objective on demo videos, its shipped configuration made small, with one and two processes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import PartialState

sys.path.insert(0, str(Path(__file__).parent.parent))
from references.two_processes import start

from mvssl import config
from mvssl.synthetic import make_videos
from mvssl.training import pretrain
from mvssl.training.health import collapse

FEW = ("simclr", "moco", "ssl_hsic")  # negatives of the batch, a queue with an EMA, draws of the first rank
REST = ("byol", "barlow_twins", "twist", "consistent_assignment", "macl", "renyicl", "supcon")
TRAIN_VIDEOS, BATCH = 12, 4
STEPS = TRAIN_VIDEOS // BATCH
SMALL = [
    "sampler.num_frames=4",
    "views.size=32",
    "encoder={name: frame, backbone: test_resnet, weights: none, freeze: all, position: relative, mlp: [16], dim: 32,"
    " hidden: 32, num_heads: 4, num_layers: 1, dropout: 0.0}",  # the draws of dropout differ between processes by design
    f"batch.size={BATCH}",
    f"train.steps={STEPS}",
    "train.log_every=1",
    "cache.passes=2",
    "embed.size=32",
]


@pytest.fixture
def videos(tmp_path):
    return make_videos(tmp_path / "videos", num_sessions=3, size=32, fps=12, num_processes=1, progress=False)


def epoch(name: str, folder: Path, where: str) -> None:
    """One run, and beside its metrics what it said."""
    paths = [f"data.root={folder / 'videos'}", f"cache.folder={folder / 'cache'}"]
    values = config.load(config.find(name, "pretrain"), [*SMALL, *paths])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        run = pretrain(values, folder / where / name, progress=False)
    if int(os.environ.get("RANK", "0")) == 0:
        (run / "said.txt").write_text(said.getvalue())


def worker(rank: int, port: int, names: tuple[str, ...], folder: Path) -> None:
    torch.set_num_threads(1)
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in about.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "1"}
    os.environ["FORK_LAUNCHED"] = "1"  # as accelerate's notebook launcher sets it: the world outlives a run
    assert PartialState(cpu=True).num_processes == 2
    for name in names:
        epoch(name, folder, "two")


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("names", [FEW, pytest.param((*FEW, *REST), marks=pytest.mark.slow)], ids=["three", "all"])
def test_two_processes_train_what_one_does(videos, tmp_path, names):
    """The same global batches: the first loss is equal but for rounding.

    Later ones carry the rounding on, through Adam's first steps, which move a weight by the sign of its gradient.
    """
    for name in names:
        epoch(name, tmp_path, "one")
    start(worker, names, tmp_path)
    for name in names:
        one, two = (lines(tmp_path / where / name) for where in ("one", "two"))
        for where, found in (("one", one), ("two", two)):
            assert [line["step"] for line in found] == list(range(STEPS)), name
            assert np.isfinite([line["loss"] for line in found]).all(), name
            warned = (tmp_path / where / name / "said.txt").read_text().count("the embeddings collapse")
            assert warned == sum(bool(collapse(line)) for line in found), name
        saved = next((tmp_path / "two" / name / "checkpoints").glob("step-*/training.pt"))
        assert torch.load(saved)["environment"]["world_size"] == "2", name
        assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-5), name
        later = [line["loss"] for line in one]
        assert [line["loss"] for line in two] == pytest.approx(later, rel=1e-4, abs=1e-4), name
        assert later[-1] != 0.0, name  # moco's first is: its queue is empty
