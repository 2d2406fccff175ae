"""Bones keep their lengths, planted feet stay planted, hands arrive, projections agree with the rays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.synthetic.actions import ACTIONS, PHASES, act
from mvssl.synthetic.camera import look_at
from mvssl.synthetic.figure import Body, joints, pose, rotation, two_bones

unit = st.floats(-1.5, 1.5)


@given(st.tuples(unit, unit, unit), st.floats(0.1, 0.6), st.floats(0.1, 0.6))
@settings(max_examples=50, deadline=None)
def test_two_bones_keep_their_lengths_and_point_at_the_target(target, first_m, second_m):
    root, goal = np.zeros((1, 3)), np.array([target])
    if np.linalg.norm(goal) < 0.05:
        return
    middle, end = two_bones(root, goal, first_m, second_m, np.array([[0.3, 0.7, -0.5]]))
    assert np.linalg.norm(middle - root) == pytest.approx(first_m, rel=1e-6)
    assert np.linalg.norm(end - middle) == pytest.approx(second_m, rel=1e-6)
    assert np.linalg.norm(np.cross(end[0], goal[0])) < 1e-9  # along the straight line
    if abs(first_m - second_m) + 1e-3 < np.linalg.norm(goal) < 0.999 * (first_m + second_m):
        assert np.allclose(end, goal)


@given(st.floats(-3, 3), st.sampled_from([0, 1, 2]))
@settings(deadline=None)
def test_rotations_are_right_handed(angle, axis):
    turn = rotation(axis, np.array([angle]))[0]
    assert np.allclose(turn @ turn.T, np.eye(3))
    basis = np.eye(3)
    assert np.allclose(
        turn @ basis[(axis + 1) % 3], np.cos(angle) * basis[(axis + 1) % 3] + np.sin(angle) * basis[axis - 1]
    )


@pytest.mark.parametrize("body", [Body(), Body(1.6, 0.95, 0.95, 0.9, 0.9), Body(1.9, 1.05, 1.05, 1.1, 1.2)])
def test_a_standing_figure_is_as_tall_as_it_says(body):
    joint = joints(body, pose()[None])
    assert joint["head"][0, 2] + 0.07 * body.stature_m == pytest.approx(body.stature_m, rel=0.06)
    assert joint["right_toes"][0, 2] < 0.05 * body.stature_m


def test_hand_units_put_the_hand_where_it_was_asked():
    body, goal = Body(1.7, 1.03, 0.97), np.array([0.25, -0.3, 1.2])
    fields = dict(zip(("right_hand_x", "right_hand_y", "right_hand_z"), body.hand_units(goal)))
    assert np.allclose(joints(body, pose(**fields)[None])["right_hand"][0], goal)


@pytest.mark.parametrize("action", ACTIONS)
def test_feet_stay_on_the_floor_and_limbs_follow_smoothly(action):
    motion = act(action, Body(), np.random.default_rng(3))
    time_s = np.arange(0, motion.duration_s, 1 / 60)
    joint = joints(Body(), motion.poses_at(time_s))
    for name in ("right_hand", "left_hand", "head", "right_knee", "left_toes"):
        assert np.abs(np.diff(joint[name], axis=0)).max() < 0.2  # at most 12 m a second: nothing jumps
    assert (joint["right_toes"][:, 2] > 0).all()
    assert np.ptp(joint["right_toes"][:, :2], axis=0).max() < 0.25


@pytest.mark.parametrize("action", ACTIONS)
def test_a_performance_has_its_phases_in_order_and_idle_frames_are_not_frozen(action):
    for seed in range(20):
        motion = act(action, Body(), np.random.default_rng(seed))
        order = [p for i, p in enumerate(motion.phases) if i == 0 or p != motion.phases[i - 1]]
        assert tuple(order) == (*PHASES[action], "idle")
        assert (np.diff(motion.knot_s) > 0).all()
        assert (np.diff(motion.stage) >= 0).all()
        assert all(0 < time_s < motion.duration_s for time_s in motion.moments.values())
        idle = motion.poses_at(np.array([0.0, motion.knot_s[1] / 2, motion.knot_s[1]]))
        assert np.abs(np.diff(idle, axis=0)).max() > 1e-4


def test_the_camera_sees_its_target_in_the_middle_and_rays_meet_pixels():
    target = np.array([0.1, -0.2, 1.0])
    camera = look_at(target, azimuth_deg=70, elevation_deg=12, distance_m=3, focal=1.5, size=(48, 64), roll_deg=5)
    pixel, depth = camera.project(target)
    assert np.allclose(pixel, [31.5, 23.5])
    assert depth == pytest.approx(3)
    pixels, depths = camera.project(camera.place_m + 2.5 * camera.rays())
    rows, columns = np.mgrid[:48, :64]
    assert np.allclose(pixels, np.stack([columns, rows], -1), atol=1e-6)
    assert np.allclose(depths, 2.5)
    higher, _ = camera.project(target + [0, 0, 0.2])
    assert higher[1] < pixel[1]
