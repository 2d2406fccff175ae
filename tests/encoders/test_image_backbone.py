"""Which map of the backbone is taken and how it is pooled."""

import pytest
import torch

from mvssl.encoders import FrameEncoder, fingerprint
from mvssl.encoders._image_backbone import ImageBackbone
from mvssl.errors import InputError

LITE = "tf_efficientnet_lite0"


def make(backbone=LITE, **settings):
    torch.manual_seed(0)
    return ImageBackbone(backbone, weights="none", freeze="all", **{"pooling": "mean", **settings}).eval()


@pytest.mark.parametrize(
    ("backbone", "stage", "channels"),
    [(LITE, 3, 112), (LITE, -2, 112), ("vit_tiny_patch16_224", 5, 192), (LITE, 1, 24)],
)
@torch.no_grad()
def test_a_stage_is_timms_intermediate_map_and_what_follows_is_left_out(backbone, stage, channels):
    cut, whole = make(backbone, stage=stage), make(backbone)
    pictures = torch.rand(2, 3, 224 if "vit" in backbone else 64, 224 if "vit" in backbone else 64)
    number = stage % (12 if "vit" in backbone else 5)
    maps = whole.model.forward_intermediates((pictures - whole.mean) / whole.std, intermediates_only=True)
    assert torch.allclose(cut(pictures), maps[number].mean((2, 3)), atol=1e-5)
    assert cut.dim == channels
    assert sum(p.numel() for p in cut.parameters()) < sum(p.numel() for p in whole.parameters())


@torch.no_grad()
def test_grid_pooling_keeps_where_things_are():
    pictures = torch.rand(2, 3, 64, 64)  # the map at stage 3 has 4 x 4 places
    mean, grid = make(stage=3), make(stage=3, pooling="grid", grid=2)
    cells = grid(pictures).view(2, 2, 2, 112)
    assert torch.allclose(cells.mean((1, 2)), mean(pictures), atol=1e-5)
    whole = mean.model.forward_intermediates(
        (pictures - mean.mean) / mean.std, indices=[3], intermediates_only=True, stop_early=True
    )[0]
    assert torch.allclose(cells[:, 0, 1], whole[:, :, :2, 2:].mean((2, 3)), atol=1e-5)  # above, right


def test_equal_weights_pooled_otherwise_have_another_fingerprint():
    made = [make(), make(pooling="max"), make(pooling="grid"), make(pooling="grid", grid=2)]
    made.append(make(stage=4, add_last=True))
    assert len({fingerprint(backbone) for backbone in made}) == len(made)
    assert fingerprint(make()) == fingerprint(made[0])


def test_a_stage_that_is_not_there_is_named():
    with pytest.raises(InputError, match="maps 0 to 4"):
        make(stage=5)


@pytest.mark.parametrize(("backbone", "stage"), [(LITE, 3), ("vit_tiny_patch16_224", 5), ("resnet18", 3)])
@torch.no_grad()
def test_the_last_features_come_behind_those_of_the_stage(backbone, stage):
    size = 224 if "vit" in backbone else 64
    pictures = torch.rand(2, 3, size, size)
    both = make(backbone, stage=stage, pooling="grid", grid=2, add_last=True)
    middle, last = make(backbone, stage=stage, pooling="grid", grid=2), make(backbone)
    assert both.dim == middle.dim + last.dim
    assert torch.allclose(both(pictures), torch.cat([middle(pictures), last(pictures)], 1), atol=1e-5)


def test_the_last_features_alone_cannot_be_added_to_themselves():
    with pytest.raises(InputError, match=r"encoder\.add_last.*encoder\.stage"):
        make(add_last=True)


def test_attention_over_places_takes_no_second_map():
    with pytest.raises(InputError, match="add_last"):
        FrameEncoder(backbone=LITE, pooling="attention", stage=3, add_last=True)
