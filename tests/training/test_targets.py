"""Targets by the slowly moving encoder: no dropout in them, batch norm as in training."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mvssl import config
from mvssl.objectives import get
from mvssl.training.backbone import set_up_backbones
from mvssl.training.experiment import Train
from mvssl.training.module import TrainedModule
from mvssl.types import View

SAMPLES, FRAMES = 4, 5


def make_module(backbone="test_resnet", **encoder):
    torch.manual_seed(0)
    made = config.build(
        "mvssl.encoders",
        {"name": "frame", "backbone": backbone, "mlp": [16], "dim": 16, "num_heads": 2, "hidden": 16, "num_layers": 2,
         "embedding_dim": 8, "dropout": 0.5, **encoder},
        "encoder",
    )  # fmt: skip
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    return TrainedModule(
        {"all": made}, {"a": ("rgb", rgb)}, get("byol")(), num_samples=SAMPLES, session_of=range(SAMPLES),
        duration_s=[2.0] * SAMPLES, offset_s=[0.0] * SAMPLES,
    )  # fmt: skip


def make_view():
    generator = torch.Generator().manual_seed(0)
    here = torch.ones(SAMPLES, dtype=torch.bool)
    pixels = torch.rand(SAMPLES, FRAMES, 1, 3, 32, 32, generator=generator)
    time_s = torch.arange(FRAMES, dtype=torch.float64).expand(SAMPLES, -1)
    return View(
        pixels, time_s, here[:, None].expand(-1, FRAMES), here, torch.zeros(SAMPLES, 4), torch.zeros(SAMPLES, 1)
    )


def test_the_same_input_gives_the_same_target():
    module, views = make_module().train(), {"a": make_view()}
    first, second = (module._encode_targets(views)["a"].frame for _ in range(2))
    assert torch.equal(first, second)
    online, again = (module._encode(module.encoders, views)["a"].frame for _ in range(2))
    assert not torch.equal(online, again), "the online encoder does drop out"
    for part in module.encoders.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    torch.testing.assert_close(first, module._encode(module.encoders, views)["a"].frame)  # else they are equal at first


def test_batch_norms_of_targets_are_in_the_mode_of_the_encoder_s():
    module = make_module(freeze=("layer1",))
    set_up_backbones(module, Train())
    for mode in (True, False, True):
        module.train(mode)
        pairs = [
            (mine.training, theirs.training)
            for mine, theirs in zip(module.targets.modules(), module.encoders.modules(), strict=True)
            if isinstance(mine, _BatchNorm)
        ]
        assert all(mine == theirs for mine, theirs in pairs)
        assert {theirs for _, theirs in pairs} == ({True, False} if mode else {False})
        dropouts = [part for part in module.targets.modules() if isinstance(part, nn.Dropout)]
        assert dropouts
        assert not any(part.training for part in dropouts)


def test_a_target_s_batch_norm_sees_the_whole_batch_at_once():
    """In chunks of one picture it would see the statistics of each."""
    module, views = make_module(chunk=1).train(), {"a": make_view()}
    whole = make_module(chunk=None).train()
    whole.load_state_dict(module.state_dict())
    torch.testing.assert_close(module._encode_targets(views)["a"].frame, whole._encode_targets(views)["a"].frame)
    norm = module.targets["all"].backbone.live_norms()[0]
    assert int(norm.num_batches_tracked) == 1
