"""Batch norms of a trained backbone: two processes are one, and padding and absent views are not seen."""

import copy
import socket

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from mvssl import config
from mvssl.distributed import average_gradients
from mvssl.encoders import share_statistics
from mvssl.encoders._global_norm import GlobalMapNorm
from mvssl.errors import ConfigError
from mvssl.objectives import get
from mvssl.training.backbone import set_up_backbones
from mvssl.training.experiment import Train
from mvssl.training.grad_cache import GradCache
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View

SAMPLES, FRAMES, SIZE, VIEWS = 4, 6, 48, ("a", "b")
BACKBONES = ("test_resnet", "test_efficientnet", pytest.param("clip", marks=pytest.mark.slow))
PARAMETERS = {"simclr": {"negatives": "all"}}


def make_module(backbone, objective, **train):
    torch.manual_seed(0)
    behind = {"mlp": [16], "dim": 16, "num_heads": 2, "hidden": 16, "num_layers": 1, "dropout": 0.0, "embedding_dim": 8}
    about = {"name": "frame", "backbone": backbone, **behind}
    if backbone == "clip":
        about = {"name": "clip", "backbone": "x3d_s", "num_frames": FRAMES, "size": SIZE}
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    module = TrainedModule(
        {"all": config.build("mvssl.encoders", about, "encoder")}, dict.fromkeys(VIEWS, ("rgb", rgb)),
        get(objective)(**PARAMETERS.get(objective, {})), num_samples=SAMPLES, session_of=range(SAMPLES),
        duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
    )  # fmt: skip
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    set_up_backbones(module, Train(**train))
    return module.double().train()


def make_batch(rows=slice(0, SAMPLES), *, noise=0.0, whole=False):
    """Sample 1 is padded behind its first three frames, unless the encoder sees clips; sample 3 has no second view."""
    generator = torch.Generator().manual_seed(1)
    views = {}
    for name in VIEWS:
        mask = torch.ones(SAMPLES, FRAMES, dtype=torch.bool)
        present = torch.ones(SAMPLES, dtype=torch.bool)
        if not whole:
            mask[1, 3:] = False
        if name == "b":
            mask[3], present[3] = False, False
        pixels = torch.rand(SAMPLES, FRAMES, 1, 3, SIZE, SIZE, generator=generator, dtype=torch.float64)
        pixels[~mask] = noise
        time_s = torch.rand(SAMPLES, FRAMES, generator=generator, dtype=torch.float64).sort(1).values * 2
        views[name] = View(pixels, time_s, mask, present, torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1))
    index = torch.arange(SAMPLES)
    batch = Batch(views, index, index % 2, index[:, None].expand(-1, 2))
    cut = {name: View(*(value[rows] for value in view)) for name, view in batch.views.items()}
    return Batch(cut, *(value[rows] for value in batch[1:]))


def step(module, batch):
    """Loss, gradients and buffers of a step."""
    module.zero_grad()
    terms = module(batch, generator=torch.Generator().manual_seed(0))
    terms["loss"].backward()
    average_gradients(module.parameters())
    grads = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    return float(terms["loss"].detach()), grads, {name: value.clone() for name, value in module.named_buffers()}


FRAME = [("test_resnet", "carl"), ("test_efficientnet", "byol"), ("test_resnet", "simclr")]


def case_of(backbone, objective):
    module = make_module(backbone, objective)
    if objective == "carl":
        module.objective.negatives = "gathered"
    return module


def worker(rank, port, folder, cases):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    rows = slice(2 * rank, 2 * rank + 2)
    found = {case: step(case_of(*case), make_batch(rows, whole=case[0] == "clip")) for case in cases}
    alone = make_module("test_resnet", "simclr").encoders["all"]
    view = make_batch().views["a"]
    share = view._replace(mask=view.mask & (torch.tensor(rank) == 0))  # this process has nothing valid
    found["nothing valid"] = alone.backbone_features(share.pixels, share.mask).detach()
    found["statistics"] = [norm.running_var.clone() for norm in alone.backbone.live_norms()]
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("cases", [FRAME, pytest.param([("clip", "simclr")], marks=pytest.mark.slow)])
def test_two_processes_equal_one(tmp_path, cases):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(worker, args=(port, str(tmp_path), cases), nprocs=2, start_method="spawn")
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for case in cases:
        loss, grads, buffers = step(case_of(*case), make_batch(whole=case[0] == "clip"))
        assert sum(part[case][0] for part in found) / 2 == pytest.approx(loss, rel=1e-9), case
        norm = torch.cat([grad.flatten() for grad in grads.values()]).norm()
        assert any("backbone" in name or "clips" in name for name in grads)
        for part in found:
            assert part[case][1].keys() == grads.keys()
            for name, grad in grads.items():
                assert (part[case][1][name] - grad).norm() <= 1e-8 * norm, (case, name)
            for name, value in buffers.items():
                torch.testing.assert_close(part[case][2][name], value, rtol=1e-9, atol=1e-12, msg=f"{case} {name}")
    encoder, view = make_module("test_resnet", "simclr").encoders["all"], make_batch().views["a"]
    torch.testing.assert_close(found[0]["nothing valid"], encoder.backbone_features(view.pixels, view.mask))
    assert not found[1]["nothing valid"].any()
    for part in found:
        for mine, norm in zip(part["statistics"], encoder.backbone.live_norms(), strict=True):
            torch.testing.assert_close(mine, norm.running_var)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_padding_and_absent_views_enter_no_batch_norm(backbone):
    """Whatever they show. (A clip's padding does, see ``encoders/clip.py``; clips without a valid frame do not.)"""
    found = [
        step(make_module(backbone, "byol"), make_batch(noise=noise, whole=backbone == "clip")) for noise in (0.0, 7.0)
    ]
    (loss, grads, buffers), (other_loss, other_grads, other_buffers) = found
    assert loss == pytest.approx(other_loss, rel=1e-12)
    for mine, theirs in ((grads, other_grads), (buffers, other_buffers)):
        for name, value in mine.items():
            torch.testing.assert_close(value, theirs[name], msg=name)


def test_statistics_are_those_of_the_valid_pictures():
    """In a loop: the first norm of the network, on its own input."""
    encoder, view = make_module("test_resnet", "byol").encoders["all"], make_batch().views["a"]
    first = encoder.backbone.live_norms()[0]
    seen = []
    first.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    features = encoder.backbone_features(view.pixels, view.mask)
    (maps,) = seen
    assert len(maps) == int(view.mask.sum())
    torch.testing.assert_close(first.running_mean, 0.1 * maps.mean((0, 2, 3)))
    assert not features[~view.mask].any()
    assert features[view.mask].any(1).all()


def test_a_view_that_nobody_has_is_zero_and_moves_nothing():
    encoder, view = make_module("test_resnet", "byol").encoders["all"], make_batch().views["a"]
    before = [value.clone() for value in encoder.buffers()]
    features = encoder.backbone_features(view.pixels, torch.zeros_like(view.mask))
    assert features.shape == (SAMPLES, FRAMES, encoder.backbone.dim)
    assert not features.any()
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(encoder.buffers(), before, strict=True))


def test_chunks_leave_out_padding_too():
    found = []
    for noise in (0.0, 7.0):
        module = make_module("test_resnet", "carl", chunk=2, backbone_norm="ghost")
        GradCache(module, chunk=2)(
            make_batch(noise=noise), backward=lambda loss: loss.backward(), generator=torch.Generator().manual_seed(0)
        )
        found.append({name: value.clone() for name, value in module.named_buffers()})
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], msg=name)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_in_one_process_the_shared_norms_are_torch_s(backbone):
    """Train and evaluation mode, running statistics and gradients, the activation behind timm's included."""
    module = make_module(backbone, "simclr")
    shared, batch = copy.deepcopy(module), make_batch(whole=backbone == "clip")
    share_statistics(shared.encoders["all"].backbone)
    assert any(isinstance(part, GlobalMapNorm) for part in shared.modules())
    assert shared.state_dict().keys() == module.state_dict().keys()
    (loss, grads, buffers), (other_loss, other_grads, other_buffers) = (step(part, batch) for part in (module, shared))
    assert loss == pytest.approx(other_loss, rel=1e-10)
    norm = torch.cat([grad.flatten() for grad in grads.values()]).norm()
    assert all((other_grads[name] - grad).norm() <= 1e-8 * norm for name, grad in grads.items())
    for name, value in buffers.items():
        torch.testing.assert_close(other_buffers[name], value)
    one, other = (part.eval().encoders["all"](batch.views["a"]).clip for part in (module, shared))
    torch.testing.assert_close(one, other)


def test_half_precision_comes_out_as_it_went_in():
    norm = nn.BatchNorm2d(3)
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = GlobalMapNorm(copy.deepcopy(norm))(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), norm(x.float()), rtol=1e-2, atol=1e-2)


def test_an_unknown_batch_norm_is_refused():
    class Odd(nn.BatchNorm2d):
        def forward(self, x):
            return 2 * super().forward(x)

    encoder = make_module("test_resnet", "simclr").encoders["all"]
    encoder.backbone.model.bn1 = Odd(encoder.backbone.model.bn1.num_features)
    with pytest.raises(ConfigError, match=r"train\.backbone_norm: Odd .*frozen"):
        share_statistics(encoder.backbone)
