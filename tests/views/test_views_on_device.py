"""Colours on the training device are the exact recipe's, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mvssl.types import Clip, ClipRequest, View
from mvssl.views import PARAMETERS, Augment, Drawn, EvaluationViews, to_input
from mvssl.views.modalities.luminance import LuminanceModality
from mvssl.views.modalities.motion import MotionModality
from mvssl.views.modalities.rgb import RgbModality

SIZE = 48


def pictures(rng, num: int = 3) -> np.ndarray:
    """Smooth colours with noise: (N, SIZE, SIZE, 3) uint8."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = np.stack([np.sin(5 * x + i) * np.cos(4 * y) for i in range(3)], axis=-1)
    return np.clip(128 + 90 * waves + rng.normal(0, 15, (num, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def view_of(frames: np.ndarray, drawn: list[Drawn], present=None) -> View:
    """(B, T, H, W, 3) uint8 as the batch has it."""
    b, t = frames.shape[:2]
    return View(
        pixels=torch.from_numpy(frames.transpose(0, 1, 4, 2, 3)[:, :, None]),
        time_s=torch.arange(t).double().expand(b, t),
        mask=torch.ones(b, t, dtype=torch.bool),
        present=torch.ones(b, dtype=torch.bool) if present is None else torch.tensor(present),
        box=torch.zeros(b, 4),
        params=torch.from_numpy(np.stack([d.columns(0.1) for d in drawn])),
    )


@pytest.mark.parametrize("seed", range(6))
def test_on_the_device_as_in_the_loader(rng, seed):
    """Random draws of every operation, one per sample, against the exact recipe."""
    recipe = {"size": SIZE, "recipe": "exact", "solarise_probability": (0.3,), "erase_probability": 0.5}
    here, there = Augment(**recipe), Augment(**recipe, device="model")
    generator = np.random.default_rng(seed)
    drawn = [here.draw(0, SIZE, SIZE, generator)._replace(box=(0.0, 0.0, 1.0, 1.0)) for _ in range(5)]
    frames = np.stack([pictures(rng) for _ in drawn])
    expected = np.stack([here.apply(f, d) for f, d in zip(frames, drawn)]).transpose(0, 1, 4, 2, 3)[:, :, None] / 255
    unchanged = np.stack([there.apply(f, d) for f, d in zip(frames, drawn)])
    np.testing.assert_array_equal(unchanged, frames)
    found = to_input(view_of(unchanged, drawn), "rgb", there).pixels.numpy()
    gap = np.abs(found - expected)
    jumps = np.array([d.solarise for d in drawn])  # at the threshold a level more or less is another picture
    assert gap[~jumps].max() <= 1 / 255 + 1e-6
    assert (gap[jumps] > 1 / 255 + 1e-6).mean() < 0.01 if jumps.any() else True
    assert np.abs(expected - frames.transpose(0, 1, 4, 2, 3)[:, :, None] / 255).max() > 0.1


def test_every_operation_reaches_the_device(rng):
    frames = pictures(rng, 2)
    changes = {"flip": True, "brightness": 1.3, "contrast": 0.6, "saturation": 1.5, "hue": 0.1, "grayscale": True,
               "blur_sigma": 1.0, "solarise": True, "erase": (0.25, 0.25, 0.5, 0.5)}  # fmt: skip
    transform = Augment(size=SIZE, recipe="exact", device="model")
    drawn = [Drawn(), *(Drawn(**{name: value}) for name, value in changes.items())]
    found = to_input(view_of(np.stack([frames] * len(drawn)), drawn), "rgb", transform).pixels
    plain = torch.from_numpy(frames.transpose(0, 3, 1, 2)[:, None]).float() / 255
    assert torch.equal(found[0], plain)
    for other in found[1:]:
        assert (other - plain).abs().max() > 0.1


def test_modalities_of_pictures_follow_and_vectors_do_not(rng):
    transform = Augment(size=SIZE, device="model")
    dark = [Drawn(brightness=0.5, flip=True)]
    view = view_of(pictures(rng)[None], dark)
    rgb = to_input(view, RgbModality(), transform)
    expected = LuminanceModality().floats((rgb.pixels * 255).round().to(torch.uint8))
    torch.testing.assert_close(to_input(view, LuminanceModality(), transform).pixels, expected)
    vectors = view._replace(pixels=torch.randn(1, 3, 1, 2, SIZE, SIZE).half())
    assert torch.equal(to_input(vectors, MotionModality(), transform).pixels, MotionModality().to_input(vectors).pixels)


def test_the_loader_s_own_recipes_are_not_done_twice(rng):
    view = view_of(pictures(rng)[None], [Drawn(brightness=0.5)])
    for transform in (Augment(size=SIZE), EvaluationViews(size=SIZE), None):
        assert torch.equal(to_input(view, "rgb", transform).pixels, view.pixels.float() / 255)


def test_an_absent_view_stays_black(rng):
    frames = np.zeros((1, 2, SIZE, SIZE, 3), np.uint8)
    view = view_of(frames, [Drawn()], present=[False])._replace(params=torch.zeros(1, len(PARAMETERS)))
    assert not to_input(view, "rgb", Augment(size=SIZE, device="model")).pixels.any()


@pytest.mark.parametrize("recipe", ["fast", "exact"])
def test_crop_and_resize_stay_in_the_loader(rng, recipe):
    transform = Augment(size=SIZE, recipe=recipe, device="model")
    drawn = transform.draw(0, 96, 96, rng)
    request = transform.request(ClipRequest("v", np.zeros(2)), drawn)
    assert request.crop == drawn.box
    side = (SIZE, SIZE) if recipe == "fast" else (60, 70)
    clip = Clip("v", np.zeros((2, 1)), rng.integers(0, 255, (2, 1, 3, *side)).astype(np.uint8), np.ones(2, bool))
    assert RgbModality().pack(clip, transform, drawn).shape == (2, 1, 3, SIZE, SIZE)
