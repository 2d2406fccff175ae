"""Backbones of every family that the documentation names, trained by two processes: what one process makes of the batch."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from references import family_steps, two_processes

FAST = {"test_resnet": 32, "test_convnext": 32, "test_vit": 32}  # name -> side of the pictures
SLOW = {
    "test_efficientnet": 32,
    "test_byobnet": 32,
    "resnet10t": 32,
    "resnet18": 32,
    "resnet50": 32,
    "tf_efficientnet_lite0": 32,
    "mobilenetv3_small_050": 32,
    "regnetx_002": 32,
    "convnext_atto": 32,
    "vit_tiny_patch16_224": 32,
    "vit_small_patch14_dinov2": 28,
}
TOLERANCE = 1e-6  # float64, but for what timm computes in float32: the positions of a ViT at other sizes than its own


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    return run(tmp_path_factory, FAST)


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    return run(tmp_path_factory, SLOW)


def run(tmp_path_factory, cases):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("families")
    two_processes.start(family_steps.worker, str(folder), cases)
    return [torch.load(folder / f"{rank}.pt") for rank in range(two_processes.SPLIT)]


CASES = [(name, "fast") for name in FAST] + [pytest.param(name, "slow", marks=pytest.mark.slow) for name in SLOW]


@pytest.mark.parametrize(("name", "which"), CASES)
def test_two_processes_train_what_one_trains(name, which, request):
    """Losses, weights, running statistics and EMA copies after two steps; DDP ends the second if a weight has no gradient."""
    alone = family_steps.train(name, (FAST | SLOW)[name])
    parts = [found[name] for found in request.getfixturevalue(which)]
    for step, loss in enumerate(alone["losses"]):
        assert sum(part["losses"][step] for part in parts) / 2 == pytest.approx(loss, rel=TOLERANCE)
    moved = torch.cat([(alone["after"][key] - alone["before"][key]).flatten() for key in alone["trained"]]).norm()
    assert moved > 0
    assert any("backbone" in key for key in alone["trained"])
    for part in parts:
        assert part["trained"] == alone["trained"]
        for key, value in alone["after"].items():
            assert torch.equal(part["before"][key], alone["before"][key])
            if key in alone["trained"]:
                assert (part["after"][key] - value).norm() <= TOLERANCE * moved, key
            else:
                torch.testing.assert_close(
                    part["after"][key], value, rtol=TOLERANCE, atol=TOLERANCE, msg=f"{name} {key}"
                )
