"""The estimate of a step's memory against closed forms, and the batch that it chooses."""

import json

import pytest
import torch

from mvssl import config
from mvssl.training import memory, pretrain


def test_the_peak_is_that_of_live_tensors():
    with memory.peak_of(torch.device("cpu")) as peak:
        a = torch.zeros(1000)  # 4000 bytes
        b = a + 1  # 8000
        view = b.view(10, 100)  # no new storage
        del a, b
        c = view * 2  # 8000 again
        del view
        assert len(c) == 10
    assert peak() == 8000


def test_what_is_kept_for_the_backward_pass_counts():
    x, w = torch.ones(256, 512), torch.ones(512, 512, requires_grad=True)
    with memory.peak_of(torch.device("cpu")) as peak:
        torch.relu(x @ w).sum().backward()
    product, weight = 4 * 256 * 512, 4 * 512 * 512
    assert (
        0 <= peak() - (product + weight) < 64
    )  # the gradients of product and weight; before: product and relu; scalars


@pytest.fixture
def pictures(tiny_config):
    tiny_config["cache"]["passes"] = 0
    tiny_config["encoder"]["freeze"] = "none"
    tiny_config["train"] |= {"steps": 1, "chunk": 0}
    return tiny_config


def told(text):
    return next(line for line in text.splitlines() if line.startswith("memory:"))


def test_every_run_says_what_a_step_takes(pictures, tmp_path, capsys):
    pretrain(pictures, tmp_path / "run", progress=False)
    assert "a step of 4 samples takes about" in told(capsys.readouterr().out)


def test_a_step_that_does_not_fit_is_told_with_the_way_out(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1_000_000)
    pretrain(pictures, tmp_path / "run", progress=False)
    assert "too close: lower batch.size, set train.chunk" in told(capsys.readouterr().out)


@pytest.mark.parametrize(("free", "size"), [(10**12, 4), (1, 2)])
def test_the_batch_that_fits_is_taken_said_and_written_down(pictures, tmp_path, capsys, monkeypatch, free, size):
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    run = pretrain(pictures, tmp_path / "run", progress=False, find_batch_size=True)
    assert f"batch.size {size}: the largest that fits" in capsys.readouterr().out
    assert config.load(run / "config.yaml")["batch"]["size"] == size
    assert json.loads((run / "summary.json").read_text())["batch"] == size
    card = (run / "model" / "README.md").read_text()
    assert "| trained on |" in card
    assert "not stated" not in card
    pictures["train"]["steps"] = 2
    pretrain(pictures, run, progress=False, find_batch_size=True)
    assert f"batch.size {size}, as found when" in capsys.readouterr().out


def test_measuring_changes_no_loss(pictures, tmp_path, monkeypatch):
    """Weights, running statistics and random state of the measured module stay: as if nothing had been measured."""
    pictures["train"]["steps"] = 3
    runs = []
    for name in ("measured", "not"):
        runs.append(pretrain(pictures, tmp_path / name, progress=False))
        monkeypatch.setattr(memory, "words", lambda *about, **more: "")
    losses = [[json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()] for run in runs]
    assert losses[0] == losses[1]


def test_activation_checkpointing_changes_no_loss(pictures, tmp_path):
    pictures["encoder"] |= {"backbone": "test_vit"}
    pictures["train"]["steps"] = 2
    found = []
    for name, checkpointing in (("kept", False), ("again", True)):
        pictures["train"]["activation_checkpointing"] = checkpointing
        run = pretrain(pictures, tmp_path / name, progress=False)
        found.append([json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_checkpointed_activations_take_less():
    from mvssl.encoders import Encoder
    from mvssl.training.backbone import set_up_backbones
    from mvssl.training.experiment import Train

    peaks = []
    for checkpointing in (False, True):
        spec = {
            "name": "frame",
            "backbone": "vit_tiny_patch16_224",
            "num_layers": 1,
            "mlp": [16],
            "dim": 16,
            "hidden": 16,
            "num_heads": 2,
        }
        encoder = config.build("mvssl.encoders", spec, "encoder").train()
        assert isinstance(encoder, Encoder)
        set_up_backbones(encoder, Train(activation_checkpointing=checkpointing))
        pixels = torch.zeros(1, 4, 1, 3, 224, 224)
        with memory.peak_of(torch.device("cpu")) as peak:
            encoder.backbone_features(pixels).sum().backward()
        peaks.append(peak())
    assert peaks[1] < 0.5 * peaks[0]
