"""A skipped step leaves everything as it was, bit for bit; an overflow of the loss scale is a skipped step and no error."""

import json
import math
from contextlib import nullcontext

import pytest
import torch
from accelerate import Accelerator

from mvssl import config
from mvssl.errors import InputError
from mvssl.objectives import get, names
from mvssl.training import Experiment
from mvssl.training import loop as training_loop
from mvssl.training.backbone import set_up_backbones
from mvssl.training.module import TrainedModule
from mvssl.training.non_finite import StepVerdict, settle
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

    def __init__(self, folder, monkeypatch, *, objective="carl", bad=None, manner="plain", policy="skip", **train):
        torch.manual_seed(0)
        encoder = config.build(
            "mvssl.encoders",
            {"name": "frame", "backbone": "test_resnet", "mlp": [8], "dim": 8, "num_heads": 2, "hidden": 8,
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
            yield step, batch_of(step, self.bad)

    def train(self):
        self.folder.mkdir(exist_ok=True)
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


@pytest.fixture
def run(tmp_path, monkeypatch):
    return lambda **about: Run(tmp_path / "run", monkeypatch, **about)


@pytest.mark.parametrize(("manner", "value"), [*((manner, math.nan) for manner in MANNERS), ("plain", math.inf)])
def test_a_bad_batch_leaves_the_state_as_it_was(run, manner, value):
    found = run(manner=manner, bad={0: value, 2: value}).train()
    assert [line["skipped"] for line in found.lines] == [1, 1, 2, 2]
    assert [line.get("step_skipped") for line in found.lines] == [StepVerdict.NOT_FINITE.value, None] * 2
    assert found.changed(0) == found.changed(2) == set()
    assert any("running_mean" in name for name in found.changed(1))
    assert all("non_finite_rows" in found.lines[step] for step in (0, 2))
    assert all(found.lines[step]["effective_rank"] > 1 for step in (1, 3))
    embedding = found.module.eval().encoders["all"](batch_of(9, {}).views["a"]).frame
    assert torch.isfinite(embedding).all()
    assert all(torch.isfinite(value).all() for value in found.states[-1].values())


KEEPING = ("cmc", "frame_wise", "moco", "ssl_hsic", "sum", "weak_carl")  # banks, queues, EMA heads, paths


@pytest.mark.parametrize(
    "objective", [name if name in KEEPING else pytest.param(name, marks=pytest.mark.slow) for name in names()]
)
def test_no_objective_keeps_anything_of_a_bad_batch(run, objective):
    found = run(objective=objective, bad={1: math.nan}, steps=3).train()
    assert found.lines[1]["skipped"] == 1
    assert found.changed(1) == set()
    assert found.changed(0)
    assert all(math.isfinite(found.lines[step]["loss"]) for step in (0, 2))


def test_steps_around_a_skipped_one_keep_their_learning_rates(run):
    found = run(bad={1: math.nan}).train()
    cosine = [0.5e-3 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)]
    assert [line["lr"] for line in found.lines] == pytest.approx(cosine), "of the number of the step, skipped or not"


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


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_an_overflow_lowers_the_scale_and_ends_no_run(run, monkeypatch, manner, policy):
    found = scaled(run(manner=manner, policy=policy), monkeypatch, scale=4096.0)
    found.module.encoders["all"].members[0].leave.weight.register_hook(
        lambda grad: grad * (math.inf if found.accelerator.scaler.get_scale() > 1024 else 1.0)  # as half precision
    )
    found.train()
    assert [line["loss_scale"] for line in found.lines] == [2048.0, 1024.0, 1024.0, 1024.0]
    assert [line["skipped"] for line in found.lines] == [1, 2, 2, 2]
    assert [line.get("step_skipped") for line in found.lines] == [StepVerdict.OVERFLOW.value] * 2 + [None] * 2
    assert found.changed(0) == found.changed(1) == {"scale"}
    assert any("running_mean" in name for name in found.changed(2))
    assert all(math.isfinite(line["loss"]) and line["effective_rank"] > 1 for line in found.lines)
    assert not (found.folder / "non_finite.jsonl").exists()


@pytest.mark.parametrize("manner", MANNERS)
def test_a_bad_batch_leaves_the_scaler_as_it_was(run, monkeypatch, manner):
    found = scaled(run(manner=manner, bad={1: math.nan, 2: math.nan}), monkeypatch, scale=1024.0).train()
    assert [line["skipped"] for line in found.lines] == [0, 1, 2, 2]
    assert found.changed(1) == found.changed(2) == set()
    assert "growth" in found.changed(0)
    assert found.lines[-1]["loss_scale"] == 1024.0


def test_a_bad_batch_is_no_overflow_under_stop(run, monkeypatch):
    with pytest.raises(InputError, match=r"step 1: loss nan"):
        scaled(run(policy="stop", bad={1: math.nan}), monkeypatch, scale=1024.0).train()


def test_a_gradient_that_is_not_finite_at_scale_one_is_an_error(run, monkeypatch):
    """Else a run whose gradients are never finite would go on lowering its scale for ever."""
    found = scaled(run(policy="stop"), monkeypatch, scale=4.0)
    found.module.encoders["all"].members[0].leave.weight.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(InputError, match=r"step 2: .*gradient is not finite"):
        found.train()


def test_the_scale_is_lowered_as_torch_lowers_it():
    mine, theirs = (torch.amp.GradScaler("cpu", init_scale=64.0, backoff_factor=0.25) for _ in range(2))
    for scaler in (mine, theirs):
        weight = torch.nn.Parameter(torch.ones(2))
        optimiser = torch.optim.SGD([weight], lr=0.1)
        for factor in (1.0, math.inf):
            optimiser.zero_grad()
            scaler.scale((weight * factor).sum()).backward()
            scaler.unscale_(optimiser)
            if factor == 1.0 or scaler is theirs:
                scaler.step(optimiser)
                scaler.update()
            else:
                settle(scaler, StepVerdict.OVERFLOW)
    assert mine.state_dict() == theirs.state_dict()
    assert mine.get_scale() == 16.0
