"""The exact recipe against torchvision's float arithmetic; the fast recipe's distance from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as F

from mvssl.views import Augment, Drawn
from mvssl.views._exact import apply_exact, resize
from mvssl.views.parameters import COLOUR_ORDERS


def pictures(rng: np.random.Generator, num: int = 3, height: int = 90, width: int = 120) -> np.ndarray:
    """Colourful pictures with smooth and sharp parts, and saturated corners."""
    y, x = np.mgrid[:height, :width] / 30.0
    out = []
    for _ in range(num):
        waves = [np.sin(x * rng.uniform(0.3, 2) + y * rng.uniform(0.3, 2) + rng.uniform(0, 6)) for _ in range(3)]
        picture = 127.5 + 127.5 * np.stack(waves, -1) + rng.normal(0, 20, (height, width, 3))
        picture[:20, :20] = rng.choice([0, 255], 3)
        out.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(out)


def torchvision_float(frames: np.ndarray, drawn: Drawn, size: int, threshold: float = 0.5) -> np.ndarray:
    """The same operations by torchvision on float pictures, in [0, 255]."""
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    x = F.resize(x, [size, size], antialias=True)
    if drawn.flip:
        x = F.horizontal_flip(x)
    for name in COLOUR_ORDERS[drawn.colour_order]:
        value = getattr(drawn, name)
        if value != (0.0 if name == "hue" else 1.0):
            x = getattr(F, f"adjust_{name}")(x, value)
    if drawn.grayscale:
        x = F.rgb_to_grayscale(x, num_output_channels=3)
    if drawn.blur_sigma:
        taps = 2 * (size // 20) + 1
        x = F.gaussian_blur(x, [taps, taps], [drawn.blur_sigma, drawn.blur_sigma])
    if drawn.solarise:
        x = F.solarize(x, threshold)
    return x.permute(0, 2, 3, 1).numpy() * 255


@pytest.mark.parametrize("size", [64, 96, 224])
def test_resize_is_torch_interpolate_with_antialias(rng, size):
    frame = pictures(rng, 1, 150, 201)[0]
    expected = F.resize(torch.from_numpy(frame).permute(2, 0, 1).float(), [size, size], antialias=True)
    assert (
        np.abs(resize(frame, (size, size)) * 255 - expected.permute(1, 2, 0).numpy()).max() < 0.005
    )  # of 255 levels: float32 weights


@pytest.mark.parametrize(
    "drawn",
    [
        Drawn(),
        Drawn(flip=True),
        Drawn(brightness=1.8),
        Drawn(brightness=0.2),
        Drawn(contrast=1.8),
        Drawn(contrast=0.2),
        Drawn(saturation=1.8),
        Drawn(saturation=0.2),
        Drawn(hue=0.2),
        Drawn(hue=-0.2),
        Drawn(grayscale=True),
        Drawn(blur_sigma=0.1),
        Drawn(blur_sigma=0.7),
        Drawn(blur_sigma=2.0),
    ],
)
def test_each_operation_of_exact(rng, drawn):
    frames = pictures(rng)
    expected = torchvision_float(frames, drawn, 96)
    assert np.abs(Augment(size=96, recipe="exact").apply(frames, drawn) - expected).max() <= 1.0


def test_exact_is_within_one_level_of_torchvision_on_random_draws(rng):
    augment = Augment(size=64, recipe="exact", jitter_probability=1.0)
    frames = pictures(rng)
    for _ in range(60):
        drawn = augment.draw(0, 120, 90, rng)
        expected = torchvision_float(frames, drawn, 64)
        assert np.abs(augment.apply(frames, drawn) - expected).max() <= 1.0, drawn


def test_exact_solarise_away_from_the_threshold(rng):
    """At the threshold rounding decides; everywhere else the results agree."""
    frames = pictures(rng)
    before = torchvision_float(frames, Drawn(), 64)
    expected = torchvision_float(frames, Drawn(solarise=True), 64)
    found = Augment(size=64, recipe="exact").apply(frames, Drawn(solarise=True))
    clear = np.abs(before - 127.5) > 0.01
    assert np.abs(found - expected)[clear].max() <= 1.0


def test_fast_is_near_exact_where_nothing_clips(rng):
    """On pictures of moderate colours the affine map equals the operations, but for hue."""
    frames = (0.3 * pictures(rng, 1).astype(float) + 90).astype(np.uint8)
    frames = np.repeat(frames, 3, axis=0)  # one picture: the clip's mean is the frame's
    for _ in range(20):
        drawn = Augment(size=8, jitter_probability=1.0, hue=0.0, brightness=0.2, contrast=0.3).draw(0, 120, 90, rng)
        drawn = drawn._replace(blur_sigma=min(drawn.blur_sigma, 0.4))
        size = frames.shape[1:3]
        exact = apply_exact(frames, drawn, size, 0.5)
        fast = Augment(size=8).apply(frames, drawn)
        assert np.abs(exact.astype(int) - fast).max() <= 2, drawn


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_fast_blur_is_as_wide_as_its_sigma(rng, sigma):
    frames, drawn = pictures(rng, 1, 224, 224), Drawn(blur_sigma=sigma)
    fast, exact = (Augment(size=224, recipe=recipe).apply(frames, drawn).astype(int) for recipe in ("fast", "exact"))
    assert np.abs(fast - exact).max() <= 2


@pytest.mark.parametrize("turn", [-0.2, -0.05, 0.05, 0.2])
def test_fast_hue_turns_the_colour_circle_the_same_way(turn):
    """The mean colour is moved near to where the exact recipe moves it, and far from the other direction."""
    frames = np.full((1, 8, 8, 3), (150, 90, 80), dtype=np.uint8)
    fast = Augment(size=8).apply(frames, Drawn(hue=turn)).mean((0, 1, 2))
    exact = Augment(size=8, recipe="exact").apply(frames, Drawn(hue=turn)).mean((0, 1, 2))
    other = Augment(size=8, recipe="exact").apply(frames, Drawn(hue=-turn)).mean((0, 1, 2))
    assert np.abs(fast - exact).max() < 25
    assert np.abs(fast - exact).sum() < 0.7 * np.abs(fast - other).sum()


def test_fast_hue_by_a_third_of_a_turn_is_exact(rng):
    frames = pictures(rng, 1, 96, 96)
    third = Drawn(hue=1 / 3)
    fast, exact = (Augment(size=96, recipe=recipe).apply(frames, third) for recipe in ("fast", "exact"))
    assert np.abs(fast.astype(int) - exact).max() <= 1


def test_fast_keeps_gray_gray():
    gray = np.full((1, 8, 8, 3), 77, dtype=np.uint8)
    assert np.abs(Augment(size=8).apply(gray, Drawn(hue=0.15, saturation=1.7)).astype(int) - 77).max() <= 1
