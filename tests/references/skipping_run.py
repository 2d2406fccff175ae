"""A run of the real training loop on made pictures, some of them not finite, which keeps its whole state before each step."""

from __future__ import annotations

import json
from contextlib import nullcontext

import torch
from accelerate import Accelerator

from mvssl import config
from mvssl.objectives import get
from mvssl.training import Experiment
from mvssl.training import loop as training_loop
from mvssl.training.backbone import set_up_backbones
from mvssl.training.memory import rows_of
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

SAMPLES, FRAMES, STEPS, VIEWS = 8, 6, 4, ("a", "b")
PARAMETERS = {
    "classify": {"level": "clip", "num_classes": 2}, "cmc": {"negatives": "bank", "loss": "nce"},
    "frame_wise": {"objective": {"name": "moco"}}, "sum": {"objectives": [{"name": "byol"}, {"name": "moco"}]},
}  # fmt: skip
MANNERS = {
    "plain": {}, "accumulate": {"accumulate": 2}, "chunk": {"chunk": 4, "backbone_norm": "ghost"},
}  # fmt: skip


def batch_of(step, bad):
    generator = torch.Generator().manual_seed(step)
    here, index = torch.ones(SAMPLES, dtype=torch.bool), torch.arange(SAMPLES)
    views = {}
    for name in VIEWS:
        pixels = torch.rand(SAMPLES, FRAMES, 1, 3, 32, 32, generator=generator)
        if step in bad:
            pixels[-1, 0] = bad[step]  # of the last micro-batch
        time_s = torch.rand(SAMPLES, FRAMES, generator=generator, dtype=torch.float64).sort(1).values
        views[name] = View(
            pixels, time_s, here[:, None].expand(-1, FRAMES), here, torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1)
        )
    return Batch(views, index, index % 2, index[:, None].expand(-1, len(VIEWS)))


class Run:
    """A run of the real loop, with copies of its whole state before every step and after the last."""

    def __init__(
        self, folder, monkeypatch, *, objective="carl", bad=None, manner="plain", policy="skip", mlp=(8,), **train
    ):
        torch.manual_seed(0)
        encoder = config.build(
            "mvssl.encoders",
            {"name": "frame", "backbone": "test_resnet", "mlp": list(mlp), "dim": 8, "num_heads": 2, "hidden": 8,
             "num_layers": 1, "embedding_dim": 8},
            "encoder",
        )  # fmt: skip
        rgb = config.build("mvssl.views.modalities", "rgb", "modality")
        self.module = TrainedModule(
            {"all": encoder}, dict.fromkeys(VIEWS, ("rgb", rgb)), get(objective)(**PARAMETERS.get(objective, {})),
            num_samples=SAMPLES, session_of=range(SAMPLES), duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
        )  # fmt: skip
        settings = {"steps": STEPS, "log_every": 1, "non_finite": policy, **MANNERS[manner], **train}
        self.experiment = Experiment.from_values(
            {
                "data": {"root": "."}, "sampler": {"name": "carl"}, "views": {"name": "carl", "size": 32},
                "encoder": {"name": "frame"}, "objective": {"name": "carl"}, "batch": {"size": SAMPLES},
                "optimiser": {"name": "adamw", "lr": 1e-3}, "train": settings,
            }, "test",
        )  # fmt: skip
        set_up_backbones(self.module, self.experiment.train)
        self.folder, self.bad, self.states, self.accelerator = folder, bad or {}, [], None
        real = training_loop.make_optimiser

        def kept(*about):
            self.optimiser, schedule = real(*about)
            return self.optimiser, schedule

        monkeypatch.setattr(training_loop, "make_optimiser", kept)

    def state(self):
        module = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        found = {name: value.detach().clone() for name, value in module.items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{number}.{name}": torch.as_tensor(value).clone() for name, value in values.items()}
        if self.accelerator is not None:
            scaler = self.accelerator.scaler
            found |= {"growth": torch.tensor(scaler._get_growth_tracker()), "scale": torch.tensor(scaler.get_scale())}
        return found

    def batches(self, start, rank, world_size):
        for step in range(start, STEPS + 1):
            self.states.append(self.state())
            size = SAMPLES // world_size
            yield step, rows_of(batch_of(step, self.bad), size, start=rank * size)

    def train(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.last = training_loop.train(self.experiment, self.module, self.batches, self.folder, progress=False)
        self.lines = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return self

    def changed(self, step):
        """Names of what the step changed."""
        before, after = self.states[step], self.states[step + 1]
        new = after.keys() - before.keys()
        return new | {name for name in before if not same(before[name], after[name])}


def same(one, other):
    return one.dtype == other.dtype and torch.equal(one.nan_to_num(123.0), other.nan_to_num(123.0))


def scaled(run, monkeypatch, *, scale):
    """The real loop with a scaler of gradients, as fp16 has on a GPU; arithmetic stays float32."""

    class Scaled(Accelerator):
        mixed_precision = "fp16"

        def __init__(self, **about):
            super().__init__(**about)
            self.scaler, self.native_amp = torch.amp.GradScaler("cpu", init_scale=scale), True
            run.accelerator = self

        def autocast(self, *_, **__):
            return nullcontext()

    monkeypatch.setattr(training_loop, "Accelerator", Scaled)
    return run
