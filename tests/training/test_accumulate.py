"""Accumulated gradients: where samples do not meet in the loss, those of the whole batch; resumable; in two processes."""

import json
import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from accelerate import PartialState

from mvssl import config
from mvssl.errors import ConfigError, InputError
from mvssl.objectives.classify import Classify
from mvssl.training import Experiment, checkpoint, pretrain
from mvssl.training import loop as training_loop
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

SAMPLES, FRAMES, STEPS = 8, 4, 3
VALUES = {
    "data": {"root": "."}, "sampler": {"name": "carl"}, "views": {"name": "carl", "size": 32},
    "encoder": {"name": "frame", "backbone": "test_vit"}, "objective": {"name": "classify", "num_classes": 2},
    "batch": {"size": SAMPLES}, "optimiser": {"name": "sgd", "lr": 0.1, "momentum": 0.5, "schedule": "constant"},
    "cache": {"passes": 0},
}  # fmt: skip


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def batch_of(step, rows):
    generator = torch.Generator().manual_seed(step)
    pixels = torch.randint(0, 255, (SAMPLES, FRAMES, 1, 3, 32, 32), generator=generator, dtype=torch.uint8)
    time_s = torch.rand(SAMPLES, FRAMES, generator=generator, dtype=torch.float64).sort(1).values
    here, index = torch.ones(SAMPLES, dtype=torch.bool), torch.arange(SAMPLES)
    view = View(
        pixels, time_s, here[:, None].expand(-1, FRAMES), here, torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1)
    )
    return Batch({"a": View(*(value[rows] for value in view))}, index[rows], index[rows] % 2, index[rows, None])


def trained(run, *, accumulate, clip_norm=1e9):
    """Weights after a few steps of gradient descent in float64, on a mean over samples that meet in no batch norm."""
    torch.manual_seed(0)
    encoder = config.build(
        "mvssl.encoders",
        {"name": "frame", "backbone": "test_vit", "mlp": [], "dim": 8, "num_heads": 2, "hidden": 8, "num_layers": 1,
         "dropout": 0.0, "embedding_dim": 8},
        "encoder",
    )  # fmt: skip
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    module = TrainedModule(
        {"all": encoder}, {"a": ("rgb", rgb)}, Classify(level="clip", num_classes=2), num_samples=SAMPLES,
        session_of=range(SAMPLES), duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
    ).double()  # fmt: skip
    train = {"steps": STEPS, "log_every": 1, "accumulate": accumulate, "clip_norm": clip_norm}

    def batches(start, rank, world_size):
        size = SAMPLES // world_size
        return ((step, batch_of(step, slice(rank * size, (rank + 1) * size))) for step in range(start, STEPS))

    experiment = Experiment.from_values({**VALUES, "train": train}, "test")
    training_loop.train(experiment, module, batches, run, progress=False)
    return {name: value.detach() for name, value in module.named_parameters()}


def worker(rank, port, folder, accumulate):
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in about.items()} | {
        "MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    torch.set_num_threads(1)
    assert PartialState(cpu=True).num_processes == 2
    found = trained(folder / "two", accumulate=accumulate)
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def assert_same_weights(found, wanted):
    assert max(float((value - wanted[name]).abs().max()) for name, value in found.items()) <= 1e-10


@pytest.mark.parametrize("clip_norm", [1e9, 0.05])
def test_parts_give_the_gradient_of_the_whole_batch(tmp_path, clip_norm):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    wanted = trained(tmp_path / "whole", accumulate=1, clip_norm=clip_norm)
    assert_same_weights(trained(tmp_path / "parts", accumulate=4, clip_norm=clip_norm), wanted)
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert len({line["loss"] for line in lines}) == STEPS, "it learns"
    assert all(line["grad_norm"] > 0.05 for line in lines), "the smaller bound clips"


def test_two_processes_in_parts_equal_one_process_with_the_whole_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    mp.start_processes(worker, args=(port, tmp_path, 2), nprocs=2, start_method="spawn")
    wanted = trained(tmp_path / "one", accumulate=1)
    for rank in range(2):
        assert_same_weights(torch.load(tmp_path / f"{rank}.pt"), wanted)


def test_an_interrupted_run_goes_on_bit_for_bit(tiny_config, tmp_path, monkeypatch):
    """Dropout on; the interruption comes between the two micro-batches of a step."""
    tiny_config["train"]["accumulate"] = 2
    tiny_config["optimiser"]["lr"] = 1e-3
    whole = pretrain(tiny_config, tmp_path / "whole", progress=False)
    real = training_loop.whole

    def interrupted(module, batch, **about):
        interrupted.calls += 1
        if about.get("step") == 5 and interrupted.calls % 2 == 0:
            raise KeyboardInterrupt
        return real(module, batch, **about)

    interrupted.calls = 0
    monkeypatch.setattr(training_loop, "whole", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    monkeypatch.setattr(training_loop, "whole", real)
    assert checkpoint.newest(tmp_path / "run" / "checkpoints").name == "step-00000003"
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    assert losses(run) == losses(whole)
    assert len(losses(run)) == tiny_config["train"]["steps"], "a step is an optimiser step"


@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_a_micro_batch_that_is_not_finite_skips_the_step_and_is_named(tiny_config, tmp_path, monkeypatch, policy):
    from mvssl.objectives.carl import CARL

    tiny_config["train"] |= {"accumulate": 2, "non_finite": policy, "steps": 4}
    real = CARL.forward
    seen = []

    def broken(self, features, context):
        terms = real(self, features, context)
        if context.step != 2:
            return terms
        seen.append(context.index.tolist())
        return {**terms, "loss": terms["loss"] * (float("nan") if len(seen) == 2 else 1.0)}

    monkeypatch.setattr(CARL, "forward", broken)
    if policy == "stop":
        with pytest.raises(InputError, match=r"step 2: loss nan.*micro-batch 1, samples.*non_finite\.jsonl"):
            pretrain(tiny_config, tmp_path / "run", progress=False)
    else:
        run = pretrain(tiny_config, tmp_path / "run", progress=False)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert [line["skipped"] for line in lines] == [0, 0, 1, 1]
    (report,) = [json.loads(line) for line in (tmp_path / "run" / "non_finite.jsonl").read_text().splitlines()]
    assert (report["step"], report["micro_batch"], report["samples"]) == (2, 1, seen[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": {"accumulate": 2, "chunk": 2}}, r"train\.accumulate: not together with train\.chunk"),
        ({"train": {"accumulate": 0}}, r"train\.accumulate"),
        ({"train": {"accumulate": 3}}, r"batch of 4 samples cannot be cut into 3 .*a multiple of 3"),
        ({"train": {"accumulate": 2}, "objective": {"name": "moco"}}, r"train\.accumulate: .*queue or bank"),
        ({"train": {"accumulate": 2}, "objective": {"name": "cmc", "negatives": "bank"}}, r"queue or bank"),
        (
            {"train": {"accumulate": 4}, "batch": {"size": 4, "group_by": "label", "num_per_group": 2}},
            r"in sets of 2; choose batch\.size as a multiple of 8",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_training(tiny_config, tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        pretrain({**tiny_config, **change}, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
