"""The frame encoder: padding changes nothing, positions mean what they say, frozen parts stay frozen."""

import pytest
import torch

from mvssl.api import ZERO_SHOT
from mvssl.encoders import BackboneEncoder, FrameEncoder, ImageEncoder
from mvssl.encoders._position import rotary_angles, rotate, sinusoidal
from mvssl.errors import ConfigError, InputError
from mvssl.types import View

SMALL = {"backbone": "test_resnet", "mlp": (16,), "dim": 32, "num_heads": 4, "hidden": 32, "num_layers": 2}


def view_of(pixels, time_s, mask):
    batch = len(time_s)
    return View(pixels, time_s, mask, torch.ones(batch, dtype=torch.bool), torch.zeros(batch, 4), torch.zeros(batch, 1))


def features_view(encoder, batch=2, num_frames=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, num_frames, encoder.backbone.dim, generator=generator)
    time_s = torch.arange(num_frames, dtype=torch.float64).expand(batch, -1) / 10
    return features, time_s


@pytest.mark.parametrize("position", ["sinusoidal", "relative", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_no_valid_frame(position, training):
    encoder = FrameEncoder(**SMALL, position=position, dropout=0.0, code_length=9).train(training)
    features, time_s = features_view(encoder)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    noisy = features.clone()
    noisy[1, 4:] = 1e3
    first = encoder(view_of(features, time_s, mask)).frame
    encoder.load_state_dict(encoder.state_dict())
    second = encoder(view_of(noisy, time_s, mask)).frame
    assert torch.allclose(first[mask], second[mask], atol=1e-5)


def test_relative_position_sees_differences_of_time_alone():
    encoder = FrameEncoder(**SMALL, position="relative").eval()
    features, time_s = features_view(encoder)
    mask = torch.ones(2, 6, dtype=torch.bool)
    here = encoder(view_of(features, time_s, mask)).frame
    later = encoder(view_of(features, time_s + 1234.5, mask)).frame
    faster = encoder(view_of(features, time_s * 3, mask)).frame
    assert torch.allclose(here, later, atol=1e-5)
    assert not torch.allclose(here, faster, atol=1e-3)


def test_without_position_the_order_of_frames_does_not_matter():
    encoder = FrameEncoder(**SMALL, position="none").eval()
    features, time_s = features_view(encoder)
    mask = torch.ones(2, 6, dtype=torch.bool)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    whole = encoder(view_of(features, time_s, mask)).frame
    mixed = encoder(view_of(features[:, order], time_s[:, order], mask)).frame
    assert torch.allclose(whole[:, order], mixed, atol=1e-5)


def test_sine_code_is_the_papers():
    code = sinusoidal(5, 8, length=5, like=torch.zeros(1))
    position, k = 3, 2
    assert code[position, 2 * k] == pytest.approx(torch.sin(torch.tensor(3 / 10000 ** (2 * k / 8))).item(), abs=1e-6)
    assert code[position, 2 * k + 1] == pytest.approx(
        torch.cos(torch.tensor(3 / 10000 ** (2 * k / 8))).item(), abs=1e-6
    )
    stretched = sinusoidal(9, 8, length=5, like=torch.zeros(1))
    assert torch.allclose(stretched[::2], code, atol=1e-6)  # twice the frames, the same code at the same instants


def test_rotation_keeps_products_of_equal_differences():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=generator)
    products = []
    for shift in (0.0, 7.25):
        angles = rotary_angles(torch.tensor([[0.0, 1.0 + shift, 1.5 + shift]], dtype=torch.float64), 8)
        products.append((rotate(query, angles[:, 1:2]) * rotate(key, angles[:, 2:3])).sum())
    assert torch.allclose(products[0], products[1], atol=1e-4)


def test_frozen_backbone_keeps_weights_and_statistics():
    encoder = FrameEncoder(**SMALL, freeze="all").train()
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    pixels = torch.randint(0, 255, (2, 3, 1, 3, 32, 32), dtype=torch.uint8)
    time_s, mask = torch.zeros(2, 3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.bool)
    encoder(view_of(pixels, time_s, mask)).frame.sum().backward()
    assert all(torch.equal(before[name], value) for name, value in encoder.backbone.state_dict().items())
    assert all(parameter.grad is None for parameter in encoder.backbone.parameters())
    assert encoder.members[0].leave.weight.grad is not None


def test_partly_frozen_backbone_trains_the_rest():
    encoder = FrameEncoder(**SMALL, freeze=("conv1", "bn1", "layer1")).train()
    pixels = torch.randint(0, 255, (2, 3, 1, 3, 32, 32), dtype=torch.uint8)
    time_s, mask = torch.zeros(2, 3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.bool)
    encoder(view_of(pixels, time_s, mask)).frame.square().sum().backward()
    for name, parameter in encoder.backbone.model.named_parameters():
        frozen = name.startswith(("conv1", "bn1", "layer1"))
        assert (parameter.grad is None) == frozen, name


def test_chunk_changes_no_result_of_a_frozen_backbone():
    pixels = torch.randint(0, 255, (1, 7, 1, 3, 32, 32), dtype=torch.uint8)
    encoder = ImageEncoder(backbone="test_resnet", weights="none").eval()
    encoder.chunk = 2
    small = encoder.backbone_features(pixels)
    encoder.chunk = 100
    assert torch.allclose(small, encoder.backbone_features(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"backbone": "resnet5o"}, "did you mean 'resnet50'"),
        ({"backbone": "test_resnet", "freeze": ("layr1",)}, "no part 'layr1'; known: all, none, bn1, conv1"),
    ],
)
def test_wrong_backbone_or_part_is_named(spec, message):
    with pytest.raises(InputError, match=message):
        FrameEncoder(**spec)


@torch.no_grad()
def test_centred_features_do_not_show_what_stays_the_same():
    torch.manual_seed(0)
    encoder = FrameEncoder(**SMALL, centre=True).eval()
    features, time_s = torch.randn(2, 6, encoder.backbone.dim), torch.arange(6.0).expand(2, 6)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    scene = torch.randn(2, 1, encoder.backbone.dim)
    padded = features.clone()
    padded[1, 4:] = 100.0  # padding must not enter the mean
    plain = encoder.temporal(features, time_s, mask).frame
    moved = encoder.temporal(padded + scene, time_s, mask).frame
    assert torch.allclose(plain[mask], moved[mask], atol=1e-4)


@torch.no_grad()
def test_reach_bounds_what_a_frame_sees_in_seconds():
    torch.manual_seed(0)
    encoder = FrameEncoder(**SMALL, reach_s=0.2).eval()  # two layers: 0.4 s
    features, time_s = features_view(encoder, num_frames=20)
    mask = torch.ones(2, 20, dtype=torch.bool)
    before = encoder.temporal(features, time_s, mask).frame
    features[:, 10] += 5.0
    moved = (encoder.temporal(features, time_s, mask).frame - before).abs().amax((0, 2)) > 1e-6
    assert moved.nonzero().flatten().tolist() == list(range(6, 15))
    cut = encoder.temporal(features[:, 8:], time_s[:, 8:], mask[:, 8:]).frame
    whole = encoder.temporal(features, time_s, mask).frame
    assert torch.allclose(cut[:, 4:], whole[:, 12:], atol=1e-5)  # frames away from the cut do not notice it


@torch.no_grad()
def test_reach_beyond_the_clip_is_full_attention_and_padding_stays_out():
    torch.manual_seed(0)
    bounded, full = FrameEncoder(**SMALL, reach_s=100.0).eval(), FrameEncoder(**SMALL).eval()
    full.load_state_dict(bounded.state_dict())
    features, time_s = features_view(full)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    a, b = (encoder.temporal(features, time_s, mask).frame for encoder in (bounded, full))
    assert torch.allclose(a[mask], b[mask], atol=1e-6)
    assert torch.isfinite(a).all()


def test_each_share_of_the_embedding_is_one_members():
    encoder = FrameEncoder(**SMALL, members=3, embedding_dim=5).eval()
    assert encoder.dims[:2] == (15, 15)
    assert encoder.dims.members == 3
    alone = FrameEncoder(**SMALL, embedding_dim=5).eval()
    features, time_s = features_view(encoder)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    view = view_of(features, time_s, mask)
    found = encoder(view, ("backbone", "transformer"))
    assert found.maps["transformer"].shape == (2, 6, encoder.dims.maps["transformer"])
    for i, member in enumerate(encoder.members):
        alone.members[0].load_state_dict(member.state_dict())
        single = alone(view, ("transformer",))
        assert torch.allclose(found.frame[..., 5 * i : 5 * i + 5], single.frame, atol=1e-6)
        assert torch.allclose(found.clip[:, 5 * i : 5 * i + 5], single.clip, atol=1e-6)
        assert torch.allclose(
            found.maps["transformer"][..., 32 * i : 32 * i + 32], single.maps["transformer"], atol=1e-6
        )
    assert not torch.allclose(found.frame[..., :5], found.frame[..., 5:10], atol=1e-2)


def test_weights_stored_before_there_were_members_load():
    encoder, other = FrameEncoder(**SMALL, members=1), FrameEncoder(**SMALL, members=1)
    old = {name.replace("members.0.", ""): value for name, value in encoder.state_dict().items()}
    assert "mlp.0.linear.weight" in old
    torch.nn.ModuleDict({"all": other}).load_state_dict({f"all.{name}": value for name, value in old.items()})
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in encoder.state_dict().items())


def test_no_members_is_refused():
    with pytest.raises(ConfigError, match=r"encoder\.members: at least 1, got 0"):
        FrameEncoder(**SMALL, members=0)


@pytest.mark.parametrize("centre", [False, True])
def test_maps_of_unit_length_weigh_the_same(centre):
    spec = {"backbone": "test_resnet", "weights": "none", "stage": 1, "pooling": "grid", "grid": 2, "add_last": True}
    torch.manual_seed(0)
    plain = ImageEncoder(**spec).eval()
    unit = ImageEncoder(**spec, unit=True, centre=centre).eval()
    unit.load_state_dict(plain.state_dict())
    view = view_of(torch.rand(2, 5, 1, 3, 32, 32), torch.arange(5.0).expand(2, -1), torch.ones(2, 5, dtype=torch.bool))
    raw, found = plain(view).frame, unit(view).frame
    cut = plain.backbone.dim - plain.backbone.num_last
    parts = torch.cat([part / part.norm(dim=-1, keepdim=True) for part in (raw[..., :cut], raw[..., cut:])], -1)
    torch.testing.assert_close(found, parts - parts.mean(1, keepdim=True) if centre else parts)


def test_the_zero_shot_default_is_two_maps_of_unit_length():
    assert ZERO_SHOT["add_last"]
    assert ZERO_SHOT["unit"]


def test_a_backbone_alone_is_shared_and_shows_what_the_image_encoder_shows():
    image = ImageEncoder(backbone="test_resnet", weights="none").eval()
    alone = BackboneEncoder(image.backbone).eval()
    assert alone.backbone is image.backbone
    assert alone.dims == image.dims
    pixels = torch.rand(1, 3, 1, 3, 32, 32)
    rest = (torch.arange(3.0)[None], torch.ones(1, 3, dtype=torch.bool))
    assert torch.equal(
        alone.temporal(alone.backbone_features(pixels), *rest).frame,
        image.temporal(image.backbone_features(pixels), *rest).frame,
    )


def test_an_encoder_says_what_it_is():
    frame, image = FrameEncoder(**SMALL), ImageEncoder(backbone="test_resnet", weights="none")
    assert [one.has_temporal_part for one in (frame, image)] == [True, False]
    assert all(one.sees_single_pictures and one.network is one.backbone for one in (frame, image))
