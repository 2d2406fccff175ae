"""Compression of copies: one quality for a view, what JPEG makes of CARL's pictures, and the source as it was."""

import cv2
import numpy as np
import pytest

from mvssl.views.carl import CarlViews
from mvssl.views.compressed import CompressedViews


@pytest.fixture
def pictures(rng):
    """A clip with edges and gradients."""
    ramp = np.broadcast_to(np.linspace(0, 200, 48)[:, None, None], (48, 48, 3)).copy()
    ramp[10:30, 10:30] += (55, 0, 20)
    return (ramp + rng.integers(0, 30, (5, 48, 48, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("recipe", ["fast", "exact"])
def test_it_is_carl_s_view_through_one_jpeg_of_each_frame(pictures, recipe):
    for seed in range(8):
        made, plain = CompressedViews(size=48, recipe=recipe), CarlViews(size=48, recipe=recipe)
        drawn = made.draw(0, 64, 48, np.random.default_rng(seed))
        uncompressed = plain.draw(0, 64, 48, np.random.default_rng(seed))
        assert drawn._replace(jpeg_quality=0) == uncompressed, "what else is drawn does not change"
        wanted = []
        for picture in plain.apply(pictures, uncompressed):
            _, coded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, drawn.jpeg_quality])
            wanted.append(cv2.imdecode(coded, cv2.IMREAD_COLOR)[:, :, ::-1])
        found = made.apply(pictures, drawn)
        np.testing.assert_array_equal(found, wanted)
        assert not np.array_equal(found, plain.apply(pictures, uncompressed))


def test_qualities_fill_their_range():
    made = CompressedViews(jpeg_quality=(40, 43))
    found = [made.draw(0, 64, 48, np.random.default_rng(seed)).jpeg_quality for seed in range(100)]
    assert set(found) == {40, 41, 42, 43}


def test_less_quality_is_further_from_the_picture_and_red_stays_red(pictures):
    made = CompressedViews(size=48)
    drawn = made.draw(0, 48, 48, np.random.default_rng(0))._replace(
        flip=False, brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, grayscale=False, blur_sigma=0.0
    )
    apart = [
        float(np.abs(made.apply(pictures, drawn._replace(jpeg_quality=quality)).astype(float) - pictures).mean())
        for quality in (95, 60, 20)
    ]
    assert 0 < apart[0] < apart[1] < apart[2]
    red = np.broadcast_to(np.array([200, 30, 30], np.uint8), (1, 48, 48, 3)).copy()
    np.testing.assert_allclose(made.apply(red, drawn).astype(int), red, atol=6)


@pytest.mark.parametrize("quality", [0, 30])
def test_the_source_is_untouched(pictures, quality):
    before = pictures.copy()
    made = CompressedViews(size=48)
    drawn = made.draw(0, 48, 48, np.random.default_rng(0))._replace(jpeg_quality=quality)
    made.apply(pictures, drawn)
    np.testing.assert_array_equal(pictures, before)
