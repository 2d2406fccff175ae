"""Families of timm: pictures of other sizes than their own, and nothing trained that the forward never passes."""

import pytest
import torch

from mvssl.encoders._image_backbone import ImageBackbone
from mvssl.errors import InputError


def backbone(name, **options):
    torch.manual_seed(0)
    return ImageBackbone(name, **{"weights": "none", "freeze": "none", "pooling": "mean", **options})


@pytest.mark.parametrize("size", [32, 128, 160])
def test_a_vit_takes_every_multiple_of_its_patches(size):
    made = backbone("test_vit").eval()
    assert made.model.patch_embed.img_size != (32, 32)
    assert made(torch.rand(2, 3, size, size)).shape == (2, made.dim)


def test_at_its_own_size_a_vit_is_what_timm_makes():
    import timm

    made = backbone("test_vit").eval()
    plain = timm.create_model("test_vit", num_classes=0, global_pool="").eval()
    plain.load_state_dict(made.model.state_dict())
    pictures = torch.rand(2, 3, *made.model.default_cfg["input_size"][1:])
    tokens = plain.forward_features((pictures - made.mean) / made.std)
    torch.testing.assert_close(made(pictures), tokens[:, plain.num_prefix_tokens :].mean(1))


@pytest.mark.parametrize(("size", "words"), [(126, "112 or 128"), (10, "16 or 32")])
def test_other_sizes_are_refused_with_the_nearest_that_fit(size, words):
    with pytest.raises(InputError, match=f"patches of 16 pixels, and {size} is no multiple; .* to {words}"):
        backbone("test_vit")(torch.rand(1, 3, size, size))


@pytest.mark.slow
@pytest.mark.parametrize("size", [126, 224])
def test_dinov2_takes_multiples_of_fourteen(size):
    made = backbone("vit_small_patch14_dinov2").eval()
    assert made(torch.rand(1, 3, size, size)).shape == (1, 384)
    with pytest.raises(InputError, match="patches of 14 pixels, and 128 is no multiple"):
        made(torch.rand(1, 3, 128, 128))


SMALL = ("test_vit", "test_resnet", "test_efficientnet", "test_convnext", "test_byobnet", "convnext_atto", "resnet18")
MORE = (
    "tf_efficientnet_lite0",
    "mobilenetv3_small_050",
    "regnetx_002",
    "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
)


@pytest.mark.parametrize("stage", [None, 1])
@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)])
def test_every_trained_parameter_gets_a_gradient(name, stage):
    """DDP waits for every one of them: a ConvNeXt's last norm was trained and never passed."""
    made = backbone(name, stage=stage)
    made.train()
    side = made.model.default_cfg["input_size"][-1]
    made(torch.rand(2, 3, side, side)).sum().backward()
    trained = [(n, p) for n, p in made.model.named_parameters() if p.requires_grad]
    assert trained
    assert [n for n, p in trained if p.grad is None] == []


def test_looking_for_what_is_unused_changes_no_statistics_and_no_draw():
    torch.manual_seed(0)
    backbone("test_resnet", freeze="all")
    expected = torch.rand(3)
    torch.manual_seed(0)
    made = backbone("test_resnet")
    assert torch.equal(torch.rand(3), expected)
    norms = [m for m in made.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert all(int(norm.num_batches_tracked) == 0 for norm in norms)
    assert made.training
