"""The three actions as steps between key poses. Each performance draws its own depth, width and reach.

throw   idle, wind_up, throw, follow_through, recover      moments: cocked, release
squat   idle, lowering, bottom, rising, stretch            moments: down, up, top
pour    idle, reach, carry, pour, put_back                 moments: grasp, flow, full, put_down
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .figure import Body, pose
from .motion import IDLE, Motion, Step, perform

JUG_M, CUP_M = np.array([0.44, -0.26, 0.0]), np.array([0.5, 0.12, 0.0])  # places on the table; z is added below
TABLE_M = 0.78  # height of its top
JUG_HALF_M, GRIP_M = 0.13, 0.115  # half the height of the jug; from its axis to the hand


def throw(body: Body, rng: np.random.Generator) -> tuple[list[Step], np.ndarray]:
    """An overarm throw with a step forward: the ball goes up and back, then flies."""
    far, twist = rng.uniform(0.85, 1.15, 2)
    rest = pose(right_hand_z=-0.31, right_hand_x=0.07)
    cocked = {"turn": -0.5 * twist, "twist": -0.55 * twist, "lean": -0.2, "pelvis_x": -0.05, "pelvis_z": 0.97}
    cocked |= {"right_hand_x": -0.2 * far, "right_hand_y": -0.2, "right_hand_z": 0.14 * far}
    cocked |= {
        "left_hand_x": 0.24 * far,
        "left_hand_y": 0.0,
        "left_hand_z": 0.03,
        "left_foot_x": 0.1,
        "left_foot_z": 0.07,
    }
    half = pose(turn=-0.2, twist=-0.3, right_hand_x=0.02, right_hand_y=-0.26, right_hand_z=-0.12)
    released = {"turn": 0.15, "twist": 0.35 * twist, "lean": 0.22, "pelvis_x": 0.09, "pelvis_z": 0.93, "side": -0.1}
    released |= {"right_hand_x": 0.27 * far, "right_hand_y": -0.06, "right_hand_z": 0.17, "right_heel": 0.5}
    released |= {"left_hand_x": 0.05, "left_hand_y": 0.2, "left_hand_z": -0.2, "left_foot_x": 0.2 * far}
    low = {"turn": 0.3, "twist": 0.6 * twist, "lean": 0.7, "pelvis_x": 0.14, "pelvis_z": 0.9, "right_heel": 0.9}
    low |= {"right_hand_x": 0.22, "right_hand_y": 0.16, "right_hand_z": -0.28, "left_foot_x": 0.2 * far}
    low |= {"left_hand_x": -0.16, "left_hand_y": 0.2, "left_hand_z": -0.12, "nod": -0.4}
    steps = [
        Step("wind_up", half, (0.35, 0.8)),
        Step("wind_up", pose(**cocked), (0.35, 0.8)),
        Step("wind_up", pose(**cocked), (0.05, 0.7), "cocked"),
        Step("throw", pose(**released), (0.4, 0.75), "release", may_pause=False),
        Step("follow_through", pose(**low), (0.3, 0.6), may_pause=False),
        Step("follow_through", pose(**low), (0.1, 0.9)),
        Step("recover", pose(), (0.7, 1.5)),
    ]
    return steps, rest


def squat(body: Body, rng: np.random.Generator) -> tuple[list[Step], np.ndarray]:
    """A squat with the arms forward, then a stretch on the toes with the arms overhead."""
    depth, width = rng.uniform(0.42, 0.58), rng.uniform(0.0, 0.05)
    feet = {"right_foot_y": -width, "left_foot_y": width}

    def arms(x: float, y: float, z: float) -> dict[str, float]:
        hands = {"right_hand_x": x, "right_hand_y": -y, "right_hand_z": z}
        return hands | {"left_hand_x": x, "left_hand_y": y, "left_hand_z": z}

    rest = pose(**feet)
    sunk = 0.49 * body.legs * (1 - depth)  # how far the shoulders go down
    middle = pose(**feet, **arms(0.26, 0.12, -0.2), pelvis_z=0.5 + depth / 2, pelvis_x=-0.05, lean=0.3)
    bottom = pose(**feet, **arms(0.36, 0.1, -0.02 - sunk), pelvis_z=depth, pelvis_x=-0.09, lean=0.62, nod=-0.4)
    drive = pose(
        **feet, **arms(0.27, 0.1, -0.12 - sunk / 2), pelvis_z=0.55 + depth / 2, pelvis_x=-0.08, lean=0.75, nod=-0.3
    )
    upright = pose(**feet, **arms(0.22, 0.13, -0.12))
    high = {"right_heel": 0.6, "left_heel": 0.6, "pelvis_z": 1.06, "lean": -0.08, "nod": -0.3}
    top = pose(**feet, **arms(0.02, 0.14, 0.33), **high)
    steps = [
        Step("lowering", middle, (0.35, 0.8)),
        Step("lowering", bottom, (0.35, 0.8), "down"),
        Step("bottom", bottom, (0.3, 1.5), may_pause=False),
        Step("rising", drive, (0.35, 0.8)),
        Step("rising", upright, (0.35, 0.8), "up"),
        Step("stretch", top, (0.4, 0.9)),
        Step("stretch", top, (0.1, 1.0), "top", may_pause=False),
        Step("stretch", rest, (0.5, 1.1)),
    ]
    return steps, rest


def pour(body: Body, rng: np.random.Generator) -> tuple[list[Step], np.ndarray]:
    """The right hand takes a jug from the table, fills a cup and puts the jug back; the left hand holds the cup."""
    tilt, height = rng.uniform(1.25, 1.6), rng.uniform(0.22, 0.3)

    def holding(jug_m: np.ndarray, lean: float, tilted: float = 0.0, **fields: float) -> np.ndarray:
        grip = jug_m + GRIP_M * np.array([0.0, -np.cos(tilted), np.sin(tilted)])
        right = dict(zip(("right_hand_x", "right_hand_y", "right_hand_z"), body.hand_units(grip)))
        cup = body.hand_units(CUP_M + [-0.06, 0.04, TABLE_M + 0.09])
        left = dict(zip(("left_hand_x", "left_hand_y", "left_hand_z"), cup))
        return pose(**{**right, **left, "lean": lean, "nod": 0.25, "tilt": tilted, **fields})

    on_table = JUG_M + [0.0, 0.0, TABLE_M + JUG_HALF_M]
    over_cup = CUP_M + [0.0, -0.17, TABLE_M + height + 0.06]
    rest, grasping = pose(), holding(on_table, 0.3)
    lifted = holding((on_table + over_cup) / 2 + [-0.03, 0.0, 0.12], 0.12)
    steps = [
        Step("reach", pose(grasping, right_hand_x=0.14, right_hand_y=-0.2, lean=0.12, left_hand_z=-0.2), (0.3, 0.7)),
        Step("reach", grasping, (0.3, 0.7)),
        Step("reach", grasping, (0.05, 0.4), "grasp", may_pause=False),
        Step("carry", lifted, (0.4, 0.9)),
        Step("carry", holding(over_cup, 0.18), (0.4, 0.9)),
        Step("pour", holding(over_cup, 0.2, tilt * 0.6), (0.3, 0.5), "flow", may_pause=False),
        Step("pour", holding(over_cup, 0.24, tilt, fill=1.0), (0.5, 1.6), "full", may_pause=False),
        Step("put_back", holding(over_cup, 0.18, fill=1.0), (0.3, 0.5), may_pause=False),
        Step("put_back", pose(grasping, fill=1.0), (0.5, 1.1), "put_down"),
        Step("put_back", pose(fill=1.0), (0.5, 1.1)),
    ]
    return steps, rest


ACTIONS: dict[str, Callable[[Body, np.random.Generator], tuple[list[Step], np.ndarray]]] = {
    "throw": throw,
    "squat": squat,
    "pour": pour,
}
PHASES = {
    "throw": (IDLE, "wind_up", "throw", "follow_through", "recover"),
    "squat": (IDLE, "lowering", "bottom", "rising", "stretch"),
    "pour": (IDLE, "reach", "carry", "pour", "put_back"),
}


def act(action: str, body: Body, rng: np.random.Generator) -> Motion:
    """One performance of an action by a person."""
    steps, rest = ACTIONS[action](body, rng)
    return perform(steps, rest, rng)
