"""The figure: what a pose is, how tall and how wide a person is, and where the joints then are.

A pose is a row of numbers named by ``FIELDS``. Lengths are in units of stature, angles in radians. Axes of the figure:
x forward, y to its left, z up, origin on the floor between the feet. Hands are given from the middle of the standing
shoulders, feet from their standing place; elbows and knees follow by two-bone inverse kinematics.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FIELDS = (
    *("pelvis_x", "pelvis_y", "pelvis_z"),  # pelvis_z: 1 = standing with nearly straight knees
    *("turn", "lean", "side", "twist", "nod", "look"),  # pelvis yaw; chest pitch, roll, yaw; head pitch, yaw
    *("right_hand_x", "right_hand_y", "right_hand_z", "left_hand_x", "left_hand_y", "left_hand_z"),
    *("right_foot_x", "right_foot_y", "right_foot_z", "right_heel"),  # heel: 1 = foot stands on its toes
    *("left_foot_x", "left_foot_y", "left_foot_z", "left_heel"),
    *("tilt", "fill"),  # of what the figure holds
)
_COLUMN = {name: column for column, name in enumerate(FIELDS)}
_STANDING = {
    "pelvis_z": 1.0,
    "right_hand_x": 0.03,
    "right_hand_y": -0.155,
    "right_hand_z": -0.335,
    "left_hand_x": 0.03,
    "left_hand_y": 0.155,
    "left_hand_z": -0.335,
}


class Body(NamedTuple):
    """Proportions of one person; 1.0 is the average."""

    stature_m: float = 1.75
    legs: float = 1.0
    arms: float = 1.0
    shoulders: float = 1.0
    girth: float = 1.0

    @property
    def leg_m(self) -> float:
        """Length of thigh and shin together."""
        return 0.485 * self.legs * self.stature_m

    @property
    def hip_height_m(self) -> float:
        return self.leg_m * 0.99 + 0.04 * self.stature_m

    @property
    def shoulder_height_m(self) -> float:
        return self.hip_height_m + 0.265 * self.stature_m

    def hand_units(self, point_m: np.ndarray) -> np.ndarray:
        """A place in metres from the origin of the figure, (..., 3), as the three hand fields of a pose."""
        return (np.asarray(point_m) - [0.0, 0.0, self.shoulder_height_m]) / (self.stature_m * self.arms)


def pose(base: np.ndarray | None = None, /, **fields: float) -> np.ndarray:
    """A pose (F,): the named fields over ``base``; the default base stands with hanging arms."""
    if base is None:
        base = np.zeros(len(FIELDS))
        for name, value in _STANDING.items():
            base[_COLUMN[name]] = value
    out = base.copy()
    for name, value in fields.items():
        out[_COLUMN[name]] = value
    return out


def column(name: str) -> int:
    """Column of a field in a pose."""
    return _COLUMN[name]


def rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Right-handed rotations (T, 3, 3) about axis 0, 1 or 2 by ``angle`` (T,)."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((len(angle), 3, 3))
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out


def two_bones(root: np.ndarray, target: np.ndarray, first_m: float, second_m: float, pole: np.ndarray):
    """Middle joint and end (T, 3) of a limb that reaches for ``target``, bent towards the direction ``pole`` (T, 3).

    A target out of reach is approached along the straight line; the bone lengths are kept exactly.
    """
    reach = target - root
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    along = reach / np.maximum(distance, 1e-9)
    distance = np.clip(distance, abs(first_m - second_m) + 1e-3, (first_m + second_m) * 0.9999)
    share = (first_m**2 - second_m**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(first_m**2 - share**2, 0.0))
    bend = pole - (pole * along).sum(-1, keepdims=True) * along
    bend /= np.maximum(np.linalg.norm(bend, axis=-1, keepdims=True), 1e-9)
    return root + share * along + height * bend, root + distance * along


def joints(body: Body, poses: np.ndarray) -> dict[str, np.ndarray]:
    """Joints (T, 3), in metres in the axes of the figure, of poses (T, F); and the head's rotation "head_turn" (T, 3, 3)."""
    field = {name: poses[:, column(name)] for name in FIELDS}
    h, num_frames = body.stature_m, len(poses)

    def offset(turn: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
        return turn @ (np.array([x, y, z]) * h)

    def triple(name: str) -> np.ndarray:
        return np.stack([field[f"{name}_{axis}"] for axis in "xyz"], axis=-1)

    hips = rotation(2, field["turn"])
    belly = rotation(2, field["turn"] + field["twist"] / 2) @ rotation(1, field["lean"] / 2)
    belly = belly @ rotation(0, field["side"] / 2)
    chest = rotation(2, field["turn"] + field["twist"]) @ rotation(1, field["lean"]) @ rotation(0, field["side"])
    head = rotation(2, field["turn"] + field["twist"] + field["look"])
    head = head @ rotation(1, field["lean"] * 0.35 + field["nod"])

    pelvis = np.zeros((num_frames, 3))
    pelvis[:, :2] = triple("pelvis")[:, :2] * h
    pelvis[:, 2] = 0.04 * h + body.leg_m * 0.99 * field["pelvis_z"]
    waist = pelvis + offset(belly, 0, 0, 0.11)
    neck = waist + offset(chest, 0, 0, 0.175)
    out = {"pelvis": pelvis, "waist": waist, "neck": neck, "head": neck + offset(head, 0.012, 0, 0.105)}
    out |= {"head_turn": head, "chest_turn": chest, "hips_turn": hips}

    shoulder_middle = np.array([0.0, 0.0, body.shoulder_height_m])
    for name, sign in (("right", -1.0), ("left", 1.0)):
        hip = pelvis + offset(hips, 0, sign * 0.052, 0)
        heel = np.clip(field[f"{name}_heel"], 0, 1.2)
        foot = triple(f"{name}_foot") * h + np.array([0.0, sign * 0.065 * h, 0.0])
        toes = foot + offset(hips, 0.105, 0, 0.018)
        ankle = foot + np.stack([np.sin(heel) * 0.05, 0 * heel, 0.04 + np.sin(heel) * 0.085], -1) * h
        pole = hips @ np.array([1.0, sign * 0.25, 0.0])
        knee, ankle = two_bones(hip, ankle, body.leg_m * 0.51, body.leg_m * 0.49, pole)
        out |= {f"{name}_hip": hip, f"{name}_knee": knee, f"{name}_ankle": ankle, f"{name}_toes": toes}
        out[f"{name}_heel"] = ankle + offset(hips, -0.02, 0, -0.02)

        shoulder = neck + offset(chest, 0, sign * 0.108 * body.shoulders, -0.02)
        target = shoulder_middle + triple(f"{name}_hand") * h * body.arms
        raised = np.clip((target - shoulder)[:, 2:] / (0.3 * h), -1, 1)  # elbows point down, and outwards when raised
        outward = np.array([-0.45, 0.0, -0.8]) + raised * np.array([0.35, 0.0, 0.4])
        outward = outward + np.array([0.0, sign, 0.0]) * (0.45 + 0.35 * np.abs(raised))
        pole = np.einsum("tij,tj->ti", chest, outward)
        elbow, hand = two_bones(shoulder, target, 0.172 * h * body.arms, 0.178 * h * body.arms, pole)
        out |= {f"{name}_shoulder": shoulder, f"{name}_elbow": elbow, f"{name}_hand": hand}
    return out
