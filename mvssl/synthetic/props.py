"""What the figure handles: the ball it throws, the jug and the cup that it pours with."""

from __future__ import annotations

import numpy as np

from .actions import CUP_M, GRIP_M, JUG_HALF_M, JUG_M, TABLE_M
from .body_shapes import Parts, part
from .figure import column, rotation
from .motion import Motion
from .room import Box

_GRAVITY, _BALL_M = 9.81, 0.1


def _ball(
    motion: Motion, time_s: np.ndarray, joint: dict[str, np.ndarray], colour: np.ndarray, speed: float
) -> list[Parts]:
    hand, elbow = joint["right_hand"], joint["right_elbow"]
    along = (hand - elbow) / np.linalg.norm(hand - elbow, axis=-1, keepdims=True)
    place = hand + along * (_BALL_M + 0.02)
    release_s = motion.moments["release"]
    start = np.stack([np.interp(release_s, time_s, place[:, i]) for i in range(3)])
    flown = np.maximum(time_s - release_s, 0)
    drop = start[2] + 0.2 * speed * flown - _GRAVITY / 2 * flown**2
    flight = np.stack([start[0] + speed * flown, np.full_like(flown, start[1]), np.maximum(drop, _BALL_M)], -1)
    place = np.where((time_s > release_s)[:, None], flight, place)
    radius = np.where(place[:, 0] < 3.6, _BALL_M, 0.0)
    return [part(place, place, np.stack([radius, radius], -1), colour)]


def _jug_and_cup(
    motion: Motion, time_s: np.ndarray, poses: np.ndarray, joint: dict[str, np.ndarray], colours
) -> list[Parts]:
    tilt, fill = poses[:, column("tilt")], poses[:, column("fill")]
    turn = rotation(0, -tilt)
    held = (time_s >= motion.moments["grasp"]) & (time_s < motion.moments["put_down"])
    centre = joint["right_hand"] - turn @ np.array([0.0, -GRIP_M, 0.0])
    centre = np.where(held[:, None], centre, JUG_M + [0.0, 0.0, TABLE_M + JUG_HALF_M])
    jug, cup, water = colours

    def on_jug(y: float, z: float) -> np.ndarray:
        return centre + turn @ np.array([0.0, y, z])

    spout, full = on_jug(0.075, 0.13), CUP_M + [0.0, 0.0, TABLE_M + 0.1]
    flows = (tilt > 0.6) & (np.gradient(fill) > 1e-4)
    stream = np.where(flows, 0.014, 0.0)
    rim, base = CUP_M + [0.0, 0.0, TABLE_M + 0.13], CUP_M + [0.0, 0.0, TABLE_M + 0.05]
    still = np.ones((len(time_s), 1))
    level = base + (rim + [0.0, 0.0, 0.01] - base) * fill[:, None].clip(0, 1)
    filled = np.where(fill > 0.02, 0.049, 0.0)
    return [
        part(on_jug(0, -JUG_HALF_M + 0.065), on_jug(0, 0.06), (0.07, 0.055), jug),
        part(on_jug(0, 0.06), on_jug(0.055, 0.13), (0.05, 0.03), jug),
        part(on_jug(-0.06, 0.07), on_jug(-0.115, 0.06), 0.014, jug * 0.7),
        part(on_jug(-0.115, 0.06), on_jug(-0.115, -0.05), 0.014, jug * 0.7),
        part(on_jug(-0.115, -0.05), on_jug(-0.06, -0.07), 0.014, jug * 0.7),
        part(spout, still * full, np.stack([stream, stream], -1), water),
        part(still * base, still * rim, (0.046, 0.052), cup),
        part(level, level, np.stack([filled, filled], -1), water),
    ]


def table(colour: np.ndarray) -> tuple[Box, ...]:
    """The table in front of a figure that pours, in the axes of the figure."""
    low, high = np.array([0.3, -0.55, 0.0]), np.array([0.82, 0.5, TABLE_M])
    boxes = [Box(np.array([low[0], low[1], TABLE_M - 0.05]), high, colour)]
    for x in (low[0] + 0.03, high[0] - 0.08):
        for y in (low[1] + 0.03, high[1] - 0.08):
            boxes.append(Box(np.array([x, y, 0.0]), np.array([x + 0.05, y + 0.05, TABLE_M - 0.05]), colour * 0.8))
    return tuple(boxes)


def props(
    action: str,
    motion: Motion,
    time_s: np.ndarray,
    poses: np.ndarray,
    joint: dict[str, np.ndarray],
    *,
    colours: np.ndarray,
    speed: float,
) -> list[Parts]:
    """Parts of what is handled, in the axes of the figure. colours: (3, 3) RGB; speed of the ball in metres a second."""
    if action == "throw":
        return _ball(motion, time_s, joint, colours[0], speed)
    if action == "pour":
        return _jug_and_cup(motion, time_s, poses, joint, colours)
    return []
