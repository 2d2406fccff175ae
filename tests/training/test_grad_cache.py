"""Gradients in chunks are the gradients of the whole batch: every objective, dropout on, one process and two."""

import copy
import socket
from functools import partial

import pytest
import torch
import torch.multiprocessing as mp

from mvssl import config
from mvssl.distributed import average_gradients
from mvssl.errors import ConfigError
from mvssl.objectives import get, names
from mvssl.training.backbone import set_up_backbones
from mvssl.training.experiment import Train
from mvssl.training.grad_cache import GradCache
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

SAMPLES, FRAMES, SIZE, VIEWS = 6, 5, 32, ("a", "b")
OBJECTIVES = [name for name in names() if name not in ("sum", "frame_wise")]
PARAMETERS = {"classify": {"level": "clip", "num_classes": 2}, "carl": {"negatives": "gathered"}}


MAGNIFY = ("barlow_twins", "byol", "cvrl", "renyicl")  # float32 rounding, by batch norms over six rows or by powers


def make_module(name, *, backbone="test_vit", **train):
    torch.manual_seed(0)
    encoder = config.build(
        "mvssl.encoders",
        {
            "name": "frame", "backbone": backbone, "mlp": [16], "dim": 16, "num_heads": 2, "hidden": 16,
            "num_layers": 1, "dropout": 0.2, "embedding_dim": 8,
        },
        "encoder",
    )  # fmt: skip
    objective = get(name)(**PARAMETERS.get(name, {}))
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    module = TrainedModule(
        {"all": encoder}, dict.fromkeys(VIEWS, ("rgb", rgb)), objective, num_samples=SAMPLES,
        session_of=range(SAMPLES), duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
    )  # fmt: skip
    set_up_backbones(module, Train(**train))
    return module.train()


def make_batch(rows=slice(0, SAMPLES)):
    generator = torch.Generator().manual_seed(1)
    views = {}
    for name in VIEWS:
        mask = torch.ones(SAMPLES, FRAMES, dtype=torch.bool)
        mask[1, 2:] = False
        views[name] = View(
            torch.randint(0, 255, (SAMPLES, FRAMES, 1, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8),
            torch.rand(SAMPLES, FRAMES, generator=generator, dtype=torch.float64).sort(1).values * 2,
            mask, torch.ones(SAMPLES, dtype=torch.bool), torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1),
        )  # fmt: skip
    index = torch.arange(SAMPLES)
    batch = Batch(views, index, torch.tensor([0, 0, 0, 1, 1, 1]), index[:, None].expand(-1, 2))
    cut = {name: View(*(value[rows] for value in view)) for name, view in batch.views.items()}
    return Batch(cut, *(value[rows] for value in batch[1:]))


def whole_step(module, batch, *, backward, **about):
    terms = module(batch, **about)
    backward(terms["loss"])
    average_gradients(module.parameters())
    return terms


def steps(module, step_on, batch, numbers=(0, 1)):
    """Terms and gradients of some steps of plain gradient descent, queues and EMA copies moving in between."""
    found = []
    for number in numbers:
        torch.manual_seed(100 + number)
        generator = torch.Generator().manual_seed(number)
        module.zero_grad()
        terms = step_on(batch, backward=lambda loss: loss.backward(), step=number, total_steps=9, generator=generator)
        found.append(
            (
                float(terms["loss"].detach()),
                {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None},
            )
        )
        with torch.no_grad():
            for p in module.parameters():
                if p.grad is not None:
                    p -= 1e-6 * p.grad
        module.after_step(number, 9)
    return found


def compare(found, wanted, tolerance):
    for (loss, grads), (loss_wanted, grads_wanted) in zip(found, wanted, strict=True):
        assert loss == pytest.approx(loss_wanted, rel=tolerance, abs=tolerance)
        assert grads.keys() == grads_wanted.keys()
        norm = torch.cat([g.flatten() for g in grads_wanted.values()]).norm()
        for name, grad in grads.items():
            assert (grad - grads_wanted[name]).norm() <= tolerance * norm, name
    assert any("backbone" in name and g.norm() > 1e-3 * norm for name, g in grads.items()), "the backbone learns"


FAST = ("carl", "moco", "simclr", "tcc")  # in both precisions; the others in float64, in float32 where there is time
SINGLE = [
    pytest.param(name, torch.float32, marks=[] if name in FAST else [pytest.mark.slow])
    for name in OBJECTIVES
    if name not in MAGNIFY
]


@pytest.mark.parametrize(("name", "dtype"), [*((name, torch.float64) for name in OBJECTIVES), *SINGLE])
def test_chunks_give_the_gradient_of_the_whole_batch(name, dtype):
    module, batch = make_module(name).to(dtype), make_batch()
    same = copy.deepcopy(module)
    if dtype == torch.float64:
        compare(steps(same, GradCache(same, chunk=4), batch), steps(module, partial(whole_step, module), batch), 1e-8)
    else:  # each step from one state: how the rounding of a first update grows is the objective's matter
        found, wanted = [], []
        for number in (0, 1):
            same.load_state_dict(module.state_dict())
            wanted += steps(module, partial(whole_step, module), batch, [number])
            found += steps(same, GradCache(same, chunk=4), batch, [number])
        compare(found, wanted, 1e-6)
    for mine, theirs in zip(same.buffers(), module.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_the_second_pass_repeats_the_random_state_of_the_first():
    """Dropout in the backbone too: as if the graph of every chunk had been kept."""
    module, batch = make_module("carl").double(), make_batch()
    for part in module.encoders["all"].backbone.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.3
    same = copy.deepcopy(module)

    def graphs_kept(batch, *, backward, **about):
        parts = {view: [] for view in VIEWS}
        for start in range(0, SAMPLES, 4):
            for view in VIEWS:
                pixels = batch.views[view].pixels[start : start + 4] / 255
                parts[view].append(module.encoders["all"].backbone_features(pixels))
        views = {view: batch.views[view]._replace(pixels=torch.cat(parts[view])) for view in VIEWS}
        return whole_step(module, batch._replace(views=views), backward=backward, **about)

    compare(steps(same, GradCache(same, chunk=4), batch), steps(module, graphs_kept, batch), 1e-8)


def test_the_caller_s_random_state_is_that_of_one_pass():
    module, batch = make_module("carl"), make_batch()
    drawn = []
    for step_on in (GradCache(module, chunk=4), partial(whole_step, module)):
        torch.manual_seed(7)
        step_on(batch, backward=lambda loss: loss.backward())
        drawn.append(torch.rand(()))
    assert drawn[0] == drawn[1]


def test_batch_norms_of_the_backbone_are_refused_or_told_what_to_do():
    with pytest.raises(ConfigError, match=r"train\.chunk.*backbone_norm=frozen"):
        make_module("carl", backbone="test_resnet", chunk=2)
    module, batch = make_module("carl", backbone="test_resnet", chunk=2, backbone_norm="frozen").double(), make_batch()
    same = copy.deepcopy(module)
    wanted = steps(module, partial(whole_step, module), batch)
    compare(steps(same, GradCache(same, chunk=2), batch), wanted, 1e-8)


def test_statistics_of_chunks_move_once_a_chunk():
    module, batch = make_module("carl", backbone="test_resnet", chunk=2, backbone_norm="ghost"), make_batch()
    GradCache(module, chunk=2)(batch, backward=lambda loss: loss.backward())
    norms = module.encoders["all"].backbone.live_norms()
    assert norms
    assert {int(norm.num_batches_tracked) for norm in norms} == {len(VIEWS) * SAMPLES // 2}


def test_objectives_of_pixels_are_refused():
    module = make_module("carl")
    module.objective.__class__ = type(
        "Pixels", (type(module.objective),), {"needs": property(lambda self: get("carl")().needs._replace(pixels=True))}
    )
    with pytest.raises(ConfigError, match=r"train\.chunk: .*pixels"):
        GradCache(module, chunk=2)


def worker(rank, port, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    found = {}
    for name in ACROSS:
        module = make_module(name).double()
        without_dropout(module)
        half = make_batch(slice(3 * rank, 3 * rank + 3))
        found[name] = steps(module, GradCache(module, chunk=2), half)
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


ACROSS = ("carl", "moco", "barlow_twins")


def without_dropout(module):
    """Its draws differ between processes by design."""
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0


def test_two_processes_in_chunks_equal_one_process_without(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(worker, args=(port, str(tmp_path)), nprocs=2, start_method="spawn")
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name in ACROSS:
        module = make_module(name).double()
        without_dropout(module)
        wanted = steps(module, partial(whole_step, module), make_batch())
        losses = [sum(f[name][step][0] for f in found) / 2 for step in range(len(wanted))]
        for part in found:
            mine = [(loss, grads) for loss, (_, grads) in zip(losses, part[name])]
            compare(mine, wanted, 1e-8)
