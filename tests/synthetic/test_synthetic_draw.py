"""A drawn sphere has the right place, size, brightness and depth; what is behind is hidden; shadows leave the lamp."""

import numpy as np
import pytest

from mvssl.synthetic.body_shapes import part, together
from mvssl.synthetic.camera import look_at
from mvssl.synthetic.draw import draw, see_parts, shadows
from mvssl.synthetic.room import Light

SIZE = (96, 96)
CAMERA = look_at(np.zeros(3), azimuth_deg=0, elevation_deg=0, distance_m=4, focal=1.5, size=SIZE)
RED, BLUE = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])


def ball(x: float, y: float, z: float, radius: float, colour):
    place = np.array([[x, y, z]])
    return part(place, place, radius, colour)


def paint(parts, light=None, depth_m=9.0):
    light = light or Light(np.array([1.0, 0, 0]), 1.0, 0.0, np.ones(3))
    picture, depth = np.zeros((1, *SIZE, 3), np.float32), np.full((1, *SIZE), depth_m, np.float32)
    draw(picture, depth, parts, see_parts(parts, CAMERA), slice(0, 1), light, CAMERA)
    return picture[0], depth[0]


def test_a_sphere_covers_its_projected_area_at_its_depth():
    picture, depth = paint(ball(0, 0, 0, 0.5, RED))
    radius_px = 0.5 * 1.5 * 96 / 4
    covered = picture[..., 0] > 0.01
    assert covered.sum() == pytest.approx(np.pi * radius_px**2, rel=0.08)
    assert np.argwhere(covered).mean(0) == pytest.approx([47.5, 47.5], abs=0.1)
    assert depth.min() == pytest.approx(3.5, abs=0.01)
    assert picture[..., 1:].max() == 0


@pytest.mark.parametrize("order", [0, 1])
def test_the_nearer_part_hides_the_farther_whatever_the_order(order):
    balls = [ball(1, 0, 0, 0.2, RED), ball(-1, 0, 0, 0.5, BLUE)]
    picture, _ = paint(together(balls[:: 1 if order else -1]))
    assert picture[48, 48, 0] > 0.9
    assert picture[48, 48, 2] < 0.01
    assert picture[48, 38, 2] > 0.1  # the far one is seen beside the near one


def test_furniture_in_front_hides_the_figure():
    picture, _ = paint(ball(0, 0, 0, 0.5, RED), depth_m=2.0)
    assert picture.max() == 0


def test_the_side_towards_the_lamp_is_brighter():
    lamp = Light(
        np.array([0.0, 0.6, 0.8]), 0.2, 0.8, np.ones(3)
    )  # above, and on the right of a camera that looks along -x
    picture, _ = paint(ball(0, 0, 0, 0.5, RED), lamp)
    assert picture[40, 58, 0] > 2 * picture[56, 38, 0]


def test_a_part_with_no_radius_is_not_there():
    picture, depth = paint(ball(0, 0, 0, 0.0, RED))
    assert picture.max() == 0
    assert (depth == 9.0).all()


def test_the_shadow_falls_away_from_the_lamp():
    lamp = Light(np.array([0.6, 0, 0.8]), 0.5, 0.5, np.ones(3))
    shadow = shadows(ball(0, 0, 1.2, 0.1, RED), (), lamp, 0)
    row, column = np.unravel_index(shadow.argmax(), shadow.shape)
    x, y = (column + 0.5) / 96 * 4.8 - 2.4, (row + 0.5) / 96 * 4.8 - 2.4
    assert (x, y) == pytest.approx((-0.9, 0), abs=0.05)
