"""Draws, consistency over time, crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import InputError
from mvssl.types import ClipRequest
from mvssl.views import PARAMETERS, Augment, Drawn, EvaluationViews
from mvssl.views._crop import centre_box, random_box
from mvssl.views.byol import ByolViews
from mvssl.views.carl import CarlViews
from mvssl.views.compressed import CompressedViews
from mvssl.views.cvrl import CvrlViews
from mvssl.views.simclr import SimclrViews

RECIPES = [CarlViews, CvrlViews, SimclrViews, ByolViews, CompressedViews, Augment]


def draws(transform, num: int = 400, view: int = 0, size: tuple[int, int] = (640, 360)) -> list[Drawn]:
    return [transform.draw(view, *size, np.random.default_rng(seed)) for seed in range(num)]


@pytest.mark.parametrize("recipe", ["fast", "exact"])
@pytest.mark.parametrize("transform", RECIPES)
def test_a_still_video_stays_still(rng, transform, recipe):
    picture = rng.integers(0, 256, (1, 40, 40, 3), dtype=np.uint8)
    augment = transform(size=40, recipe=recipe, erase_probability=0.5)
    for seed in range(25):
        drawn = augment.draw(seed % 2, 640, 360, np.random.default_rng(seed))
        found = augment.apply(picture.repeat(4, axis=0), drawn)
        assert (found == found[:1]).all(), drawn


@pytest.mark.parametrize("recipe", ["fast", "exact"])
def test_a_shifted_copy_maps_to_a_shifted_result(rng, recipe):
    """On a picture that wraps around, every operation but the crop commutes with a shift (away from the blur's border)."""
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    augment = Augment(size=64, recipe=recipe, flip_probability=0.0, solarise_probability=(0.3,))
    for seed in range(25):
        drawn = augment.draw(0, 64, 64, np.random.default_rng(seed))
        plain, shifted = (augment.apply(x[None], drawn)[0] for x in (picture, np.roll(picture, (5, 9), (0, 1))))
        inner = (slice(20, 44), slice(20, 44))
        there = np.roll(plain, (5, 9), (0, 1))
        np.testing.assert_allclose(shifted[inner].astype(int), there[inner], atol=1)


@pytest.mark.parametrize("recipe", ["fast", "exact"])
def test_flip_mirrors(rng, recipe):
    picture = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    augment = Augment(size=32, recipe=recipe)
    np.testing.assert_array_equal(augment.apply(picture, Drawn(flip=True)), picture[:, :, ::-1])
    np.testing.assert_array_equal(augment.apply(picture, Drawn()), picture)


@pytest.mark.parametrize("recipe", ["fast", "exact"])
def test_erase_blackens_its_box_in_every_frame(rng, recipe):
    picture = rng.integers(1, 256, (3, 20, 20, 3), dtype=np.uint8)
    found = Augment(size=20, recipe=recipe).apply(picture, Drawn(erase=(0.1, 0.2, 0.5, 0.6)))
    expected = picture.copy()
    expected[:, 4:12, 2:10] = 0
    np.testing.assert_array_equal(found, expected)


def test_fast_does_not_write_into_the_decoder_s_memory(rng):
    picture = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    before = picture.copy()
    Augment(size=16).apply(picture, Drawn(erase=(0, 0, 1, 1)))
    np.testing.assert_array_equal(picture, before)


def test_probabilities_and_ranges():
    found = draws(CvrlViews(size=112), 2000)
    jittered = [d for d in found if d.brightness != 1.0]
    assert abs(len(jittered) / 2000 - 0.8) < 0.03
    assert abs(np.mean([d.flip for d in found]) - 0.5) < 0.04
    assert abs(np.mean([d.grayscale for d in found]) - 0.2) < 0.03
    for name in ("brightness", "contrast", "saturation"):
        values = [getattr(d, name) for d in jittered]
        assert 0.2 <= min(values) < 0.25
        assert 1.75 < max(values) <= 1.8
    assert max(abs(d.hue) for d in jittered) <= 0.2
    assert {d.colour_order for d in jittered} == set(range(24))
    assert all(0.1 <= d.blur_sigma <= 2.0 for d in found)  # the first clip is always blurred
    second = draws(CvrlViews(size=112), 2000, view=1)
    assert abs(np.mean([d.blur_sigma > 0 for d in second]) - 0.1) < 0.03
    assert abs(np.mean([d.solarise for d in second]) - 0.2) < 0.03
    assert not any(d.solarise for d in found)


def test_turning_one_thing_off_leaves_the_other_draws_alone():
    """Every draw is made whether it is used or not, so recipes differ only in what they change."""
    for with_blur, without in zip(draws(Augment()), draws(Augment(blur_probability=(0.0,)))):
        assert with_blur._replace(blur_sigma=0.0) == without


def test_two_views_of_a_sample_draw_different_parameters():
    generator = np.random.default_rng(0)
    augment = CarlViews()
    a, b = augment.draw(0, 640, 360, generator), augment.draw(1, 640, 360, generator)
    assert a.box != b.box
    assert a != b


def test_columns_are_the_named_parameters():
    drawn = draws(Augment(erase_probability=1.0, solarise_probability=(1.0,)), 1)[0]
    columns = dict(zip(PARAMETERS, drawn.columns(0.04)))
    assert len(drawn.columns(0.0)) == len(PARAMETERS)
    assert columns["flip"] == drawn.flip
    assert columns["hue"] == np.float32(drawn.hue)
    assert columns["blur_sigma"] == np.float32(drawn.blur_sigma)
    assert columns["solarise"] == 1.0
    assert [columns[f"erase_{c}"] for c in ("x0", "y0", "x1", "y1")] == [np.float32(v) for v in drawn.erase]
    assert columns["step_s"] == np.float32(0.04)


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    low=st.floats(0.05, 1.0),
    seed=st.integers(0, 2**32),
)
def test_random_boxes_are_whole_pixels_inside_the_picture(width, height, low, seed):
    x0, y0, x1, y1 = random_box(width, height, (low, 1.0), (0.5, 2.0), np.random.default_rng(seed))
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    for edge, side in ((x0, width), (x1, width), (y0, height), (y1, height)):
        assert abs(edge * side - round(edge * side)) < 1e-6


def test_random_boxes_have_the_area_and_ratio_asked_for(rng):
    for _ in range(200):
        x0, y0, x1, y1 = random_box(1000, 1000, (0.2, 0.3), (0.8, 1.25), rng)
        assert 0.19 < (x1 - x0) * (y1 - y0) < 0.31
        assert 0.79 < (x1 - x0) / (y1 - y0) < 1.26


def test_carl_crops_of_wide_pictures_are_random():
    """Areas of 0.8 and more with ratios up to 4 / 3 do not fit into 640 x 360: still no two crops need be the same."""
    boxes = {d.box for d in draws(CarlViews(), 300)}
    assert len(boxes) > 250
    assert all(box[3] - box[1] == 1.0 for box in boxes)  # as high as the picture
    assert min(box[0] for box in boxes) < 0.02
    assert max(box[2] for box in boxes) > 0.98


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (112, 112), (50, 37), (1, 9)])
def test_centre_box_is_the_central_square_at_any_size(width, height):
    x0, y0, x1, y1 = centre_box(width, height)
    side = min(width, height)
    assert ((x1 - x0) * width, (y1 - y0) * height) == (pytest.approx(side), pytest.approx(side))
    assert abs(x0 + x1 - 1) * width <= 1.0001
    assert abs(y0 + y1 - 1) * height <= 1.0001


def test_evaluation_asks_the_decoder_for_everything():
    request = ClipRequest("v", np.zeros(3))
    crop = EvaluationViews(size=64, zoom=0.5)
    drawn = crop.draw(0, 200, 100)
    assert crop.request(request, drawn).crop == pytest.approx((0.375, 0.25, 0.625, 0.75))
    assert crop.request(request, drawn).size == (64, 64)
    squash = EvaluationViews(size=64, fit="squash")
    assert squash.request(request, squash.draw(0, 200, 100)).crop is None
    assert squash.draw(0, 200, 100).box == (0.0, 0.0, 1.0, 1.0)


def test_the_fast_recipe_resizes_in_the_decoder_the_exact_one_does_not():
    request, drawn = ClipRequest("v", np.zeros(3)), Drawn(box=(0.1, 0.2, 0.6, 0.9))
    assert Augment(size=64).request(request, drawn)[4:6] == (drawn.box, (64, 64))
    assert Augment(size=64, recipe="exact").request(request, drawn)[4:6] == (drawn.box, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CarlViews(size=0), "carl: size must be at least 1, not 0"),
        (lambda: Augment(flip_probability=1.5), "flip_probability must lie in"),
        (lambda: Augment(blur_probability=(0.5, -0.1)), "blur_probability must lie in"),
        (lambda: Augment(hue=0.6), "hue"),
        (lambda: Augment(crop_scale=(0.5, 1.5)), "crop_scale"),
        (lambda: Augment(crop_ratio=(2.0, 1.0)), "crop_ratio"),
        (lambda: EvaluationViews(zoom=0.0), "zoom"),
        (lambda: CvrlViews().draw(2, 640, 360, np.random.default_rng(0)), "blur_probability names 2 views"),
        (lambda: CompressedViews(jpeg_quality=(0, 50)), "jpeg_quality must be rising, within 1 and 100, not 0, 50"),
        (lambda: CompressedViews(jpeg_quality=(60, 50)), "jpeg_quality"),
        (lambda: CompressedViews(device="model"), "set device to loader"),
        (lambda: CarlViews().draw(0, 0, 0, np.random.default_rng(0)), "scan the videos"),
    ],
)
def test_errors_name_the_key(make, message):
    with pytest.raises(InputError, match=message):
        make()
