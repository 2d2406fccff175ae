"""Clip backbones: their size, which frames a step of their map covers, long views in clips, padding."""

import numpy as np
import pytest
import torch
from torch import nn

from mvssl.encoders import ClipEncoder
from mvssl.encoders._clip_backbone import BACKBONES, ClipBackbone, _create
from mvssl.encoders.clip import _at_frames, _clips
from mvssl.errors import InputError
from mvssl.types import View

SIZE = 32


def view_of(num_frames, batch=2, seed=0, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 255, (batch, num_frames, 1, 3, size, size), dtype=torch.uint8, generator=generator)
    time_s = (torch.arange(num_frames, dtype=torch.float64) / 10).expand(batch, -1)
    mask = torch.ones(batch, num_frames, dtype=torch.bool)
    return View(pixels, time_s, mask, torch.ones(batch, dtype=torch.bool), torch.zeros(batch, 4), torch.zeros(batch, 1))


class Steps(nn.Module):
    """In place of a network: the mean of each ``step``-th frame of a clip, as a map with one place."""

    def __init__(self, step):
        super().__init__()
        self.step, self.weight, self.calls = step, nn.Parameter(torch.ones(1)), []

    def forward(self, clips):
        self.calls.append(tuple(clips.shape))
        return clips[:, :, :: self.step].mean((1, 3, 4))[:, None, :, None, None] * self.weight


def stubbed(step, **settings):
    """A clip encoder whose network is ``Steps``."""
    original = BACKBONES["x3d_s"]
    BACKBONES["x3d_s"] = lambda channels, num_frames, size: (Steps(step), 1, step)
    try:
        encoder = ClipEncoder(backbone="x3d_s", size=SIZE, freeze="all", **settings)
    finally:
        BACKBONES["x3d_s"] = original
    return encoder.eval()


def test_r3d50_has_the_papers_number_of_parameters():
    backbone = ClipBackbone("r3d50_cvrl", weights="none", freeze="none", num_frames=16, size=SIZE, in_channels=3)
    number = sum(parameter.numel() for parameter in backbone.parameters())
    assert round(number / 1e6, 1) == 31.7  # convolutions and the scales and shifts of batch norms, without a head
    temporal = {name: m.kernel_size[0] for name, m in backbone.model.named_modules() if isinstance(m, nn.Conv3d)}
    assert temporal["blocks.0.conv"] == 5
    for block, kernel in ((1, 1), (2, 1), (3, 3), (4, 3)):
        assert {v for k, v in temporal.items() if k.startswith(f"blocks.{block}.") and k.endswith("conv_a")} == {kernel}
    strides = [m.stride[0] for m in backbone.model.modules() if isinstance(m, nn.Conv3d)]
    assert strides.count(2) == 1
    assert set(strides) == {1, 2}


@pytest.mark.parametrize(
    ("backbone", "dim", "num_frames"),
    [("r3d50_cvrl", 2048, 5), ("r2plus1d", 2048, 6), ("x3d_s", 432, 5), ("mvit_b", 768, 6)],
)
@torch.no_grad()
def test_every_backbone_gives_frames_and_a_clip(backbone, dim, num_frames):
    torch.manual_seed(0)
    encoder = ClipEncoder(backbone=backbone, num_frames=6, size=SIZE).eval()
    found = encoder(view_of(num_frames))
    assert found.frame.shape == (2, num_frames, dim)
    assert found.clip.shape == (2, dim)
    assert encoder.dims.frame == encoder.dims.clip == dim
    assert torch.isfinite(found.frame).all()
    steps = -(-num_frames // encoder.clips.step)
    means = found.frame[:, :: encoder.clips.step]
    assert means.shape[1] == steps
    assert torch.allclose(found.clip, means.mean(1), atol=1e-4)  # the clip is the mean over the steps of the map


@pytest.mark.parametrize("backbone", ["r3d50_cvrl", "r2plus1d"])
@torch.no_grad()
def test_a_step_is_centred_on_its_frame(backbone):
    """A change of one frame reaches as many steps before the one that is said to stand on it as after it.

    Residual branches of a new network add nothing, so that what is reached is narrow.
    """
    torch.manual_seed(0)
    backbone = ClipBackbone(backbone, weights="none", freeze="all", num_frames=24, size=SIZE, in_channels=3).eval()
    clip, mask = torch.rand(1, 3, 24, SIZE, SIZE), torch.ones(1, 24, dtype=torch.bool)
    changed = clip.clone()
    changed[:, :, 12] = 1 - changed[:, :, 12]
    reached = (backbone(changed, mask) - backbone(clip, mask)).norm(dim=2)[0].nonzero().flatten().float()
    assert reached.mean() == 12 / backbone.step
    assert len(reached) < 24 / backbone.step


def test_frames_between_steps_are_interpolated_in_time():
    steps = torch.tensor([[0.0], [4.0], [10.0]])[None]
    time_s = torch.tensor([[0.0, 0.1, 0.4, 0.5, 0.8]])  # steps stand at frames 0, 2, 4: at 0, 0.4 and 0.8 s
    assert _at_frames(steps, time_s, 2)[0, :, 0].tolist() == pytest.approx([0.0, 1.0, 4.0, 5.5, 10.0])
    longer = torch.tensor([[0.0, 0.1, 0.4, 0.5, 0.8, 0.9]])
    assert _at_frames(steps, longer, 2)[0, -1, 0] == 10.0  # after the last step: that of the last step
    assert _at_frames(steps, time_s[:, :3], 1) is steps


@pytest.mark.parametrize(("num_frames", "length"), [(5, 8), (8, 8), (9, 8), (31, 8), (40, 7), (3, 1)])
def test_clips_cover_every_frame_once_with_frames_on_both_sides(num_frames, length):
    plan = _clips(num_frames, length)
    kept = np.concatenate([np.arange(keep.start, keep.stop) for _, keep in plan])
    assert kept.tolist() == list(range(num_frames))
    for seen, keep in plan:
        assert seen.stop - seen.start == min(length, num_frames)
        assert seen.start <= keep.start < keep.stop <= seen.stop
        assert keep.start == 0 or keep.start - seen.start >= length // 4
        assert keep.stop == num_frames or seen.stop - keep.stop >= length // 4


@pytest.mark.parametrize("step", [1, 2, 4])
@torch.no_grad()
def test_a_long_view_is_seen_in_clips_and_the_chunk_changes_nothing(step):
    small, large = stubbed(step, num_frames=8, chunk=1), stubbed(step, num_frames=8, chunk=100)
    view = view_of(21, batch=3)
    found = small(view)
    assert torch.equal(found.frame, large(view).frame)
    assert torch.equal(found.clip, large(view).clip)
    assert {shape[0] for shape in small.clips.model.calls} == {1}
    assert {shape[0] for shape in large.clips.model.calls} == {3}
    assert {shape[2] for shape in small.clips.model.calls} == {8}
    if step == 1:
        means = (view.pixels.float() / 255 - 0.45).div(0.225).mean((2, 3, 4, 5))
        assert torch.allclose(found.frame[..., 0], means, atol=1e-5)


@torch.no_grad()
def test_what_is_in_the_padding_changes_nothing():
    torch.manual_seed(0)
    encoder = ClipEncoder(backbone="x3d_s", num_frames=8, size=SIZE).eval()
    view = view_of(8)
    mask = view.mask.clone()
    mask[1, 5:] = False
    noisy = view.pixels.clone()
    noisy[1, 5:] = 255
    first, second = encoder(view._replace(mask=mask)), encoder(view._replace(mask=mask, pixels=noisy))
    assert torch.equal(first.frame, second.frame)
    assert torch.equal(first.clip, second.clip)
    assert torch.allclose(first.clip[1], first.frame[1, :5].mean(0), atol=1e-5)
    short = encoder(View(*(x[1:, :5] if x.dim() > 1 and x.shape[1] == 8 else x[1:] for x in view)))
    near = nn.functional.cosine_similarity(first.frame[1, :5], short.frame[0], dim=1)
    assert near.min() > 0.9  # nearly, not exactly, the shorter clip


def test_gradients_reach_a_trained_backbone_and_stop_at_a_frozen_one():
    torch.manual_seed(0)
    encoder = ClipEncoder(backbone="x3d_s", num_frames=4, size=SIZE, freeze=("blocks.0", "blocks.1")).train()
    found = encoder(view_of(4))
    (found.clip.square().sum() + found.frame.square().sum()).backward()
    for name, parameter in encoder.clips.model.named_parameters():
        assert (parameter.grad is None) == name.startswith(("blocks.0", "blocks.1")), name
    assert not encoder.clips.model.blocks[0].training
    assert encoder.network is encoder.clips
    assert not encoder.sees_single_pictures


def test_weights_of_the_zoo_are_read_without_their_head(tmp_path):
    torch.manual_seed(1)
    whole = _create("x3d", "x3d")()
    torch.save({"model_state": whole.state_dict()}, tmp_path / "X3D_S.pyth")
    encoder = ClipEncoder(backbone="x3d_s", weights=str(tmp_path / "X3D_S.pyth"), size=SIZE).eval()
    assert torch.equal(encoder.clips.model.blocks[0].conv.conv_t.weight, whole.blocks[0].conv.conv_t.weight)
    last = encoder.clips.model.blocks[5].pool.pre_conv
    assert torch.equal(last.weight, whole.blocks[5].pool.pre_conv.weight)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "r3d5O_cvrl"}, "no clip backbone 'r3d5O_cvrl'.*did you mean 'r3d50_cvrl'"),
        ({"weights": "package"}, "give 'none', or a file"),
        ({"backbone": "mvit_b", "size": 40}, "that 32 divides"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ClipEncoder(**settings)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"views\.size and embed\.size"):
        stubbed(1)(view_of(4, size=16))
