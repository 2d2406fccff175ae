"""Bones become a person: the round parts (tapered capsules) that are drawn, and their colours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .figure import Body


class Parts(NamedTuple):
    """Tapered capsules of T frames. A part with both radii 0 is not there in that frame."""

    start: np.ndarray  # (T, P, 3) metres
    end: np.ndarray  # (T, P, 3)
    radius: np.ndarray  # (T, P, 2) metres, at the start and at the end
    colour: np.ndarray  # (P, 3) RGB in [0, 1]
    stripe: np.ndarray  # (P, 3) colour of every second band
    num_bands: np.ndarray  # (P,) bands along the part; 0 = one colour

    def moved(self, turn: np.ndarray, shift_m: np.ndarray) -> Parts:
        """The same parts, turned (3, 3) and shifted (3,)."""
        return self._replace(start=self.start @ turn.T + shift_m, end=self.end @ turn.T + shift_m)


class Clothes(NamedTuple):
    skin: np.ndarray
    hair: np.ndarray
    shirt: np.ndarray
    stripe: np.ndarray
    num_bands: int
    trousers: np.ndarray
    shoes: np.ndarray
    long_sleeves: bool
    long_trousers: bool
    cap: bool


def part(start, end, radius, colour, stripe=None, num_bands: int = 0) -> Parts:
    """One part. start, end: (T, 3); radius: a number, a pair, or (T, 2)."""
    radius = np.broadcast_to(
        np.asarray(radius, float).reshape(-1, 1) if np.ndim(radius) == 0 else radius, (len(start), 2)
    )
    stripe = colour if stripe is None else stripe
    return Parts(
        start=np.asarray(start, float)[:, None],
        end=np.asarray(end, float)[:, None],
        radius=radius[:, None],
        colour=np.asarray(colour, float)[None],
        stripe=np.asarray(stripe, float)[None],
        num_bands=np.array([num_bands]),
    )


def together(parts: list[Parts]) -> Parts:
    """All parts as one set."""
    axes = (1, 1, 1, 0, 0, 0)
    return Parts(*(np.concatenate(arrays, axis) for arrays, axis in zip(zip(*parts, strict=True), axes, strict=True)))


def person(body: Body, clothes: Clothes, joint: dict[str, np.ndarray]) -> Parts:
    """The parts of the person whose joints are given (see ``figure.joints``), in the axes of the figure."""
    h, girth, wide = body.stature_m, body.girth * body.stature_m, body.shoulders
    head, chest, hips = joint["head_turn"], joint["chest_turn"], joint["hips_turn"]

    def at(name: str, turn: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
        return joint[name] + turn @ (np.array([x, y, z]) * h)

    shirt, stripe, bands = clothes.shirt, clothes.stripe, clothes.num_bands
    sleeve = clothes.shirt if clothes.long_sleeves else clothes.skin
    shin = clothes.trousers if clothes.long_trousers else clothes.skin
    out = [part(joint["right_hip"], joint["left_hip"], 0.062 * girth, clothes.trousers)]
    for sign in (-1.0, 1.0):
        low, high = at("pelvis", hips, 0, sign * 0.03, 0.045), at("neck", chest, 0, sign * 0.04 * wide, -0.06)
        middle = at("waist", chest, 0, sign * 0.031, 0.02)
        out.append(part(low, middle, (0.058 * girth, 0.056 * girth), shirt, stripe, bands // 2))
        out.append(part(middle, high, (0.056 * girth, 0.062 * girth), shirt, stripe, bands))
    out.append(part(joint["right_shoulder"], joint["left_shoulder"], 0.043 * girth, clothes.shirt))
    out.append(part(at("neck", chest, 0, 0, -0.01), joint["head"], 0.029 * girth, clothes.skin))
    for name in ("right", "left"):
        hip, knee, ankle, toes = (joint[f"{name}_{k}"] for k in ("hip", "knee", "ankle", "toes"))
        shoulder, elbow, hand = (joint[f"{name}_{k}"] for k in ("shoulder", "elbow", "hand"))
        out.append(part(hip, knee, (0.056 * girth, 0.04 * girth), clothes.trousers))
        out.append(part(knee, ankle, (0.039 * girth, 0.026 * girth), shin))
        out.append(part(joint[f"{name}_heel"], toes, (0.027 * h, 0.02 * h), clothes.shoes))
        out.append(part(shoulder, elbow, (0.036 * girth, 0.028 * girth), clothes.shirt))
        wrist = elbow + 0.8 * (hand - elbow)
        out.append(part(elbow, wrist, (0.0265 * girth, 0.019 * girth), sleeve))
        out.append(part(wrist, hand + 0.08 * (hand - elbow), (0.019 * h, 0.022 * h), clothes.skin))
    out.append(
        part(at("head", head, 0.003, 0, -0.022), at("head", head, 0, 0, 0.028), (0.048 * h, 0.056 * h), clothes.skin)
    )
    out.append(
        part(at("head", head, 0.056, 0, -0.004), at("head", head, 0.048, 0, 0.012), 0.01 * h, clothes.skin * 0.92)
    )
    for sign in (-1.0, 1.0):
        eye = at("head", head, 0.05, sign * 0.021, 0.02)
        out.append(part(eye, eye, 0.0075 * h, np.array([0.08, 0.07, 0.07])))
    out.append(part(at("head", head, -0.016, 0, 0.012), at("head", head, -0.008, 0, 0.042), 0.0545 * h, clothes.hair))
    if clothes.cap:
        brim = at("head", head, 0.03, 0, 0.05), at("head", head, 0.085, 0, 0.045)
        out.append(
            part(at("head", head, -0.004, 0, 0.036), at("head", head, 0.002, 0, 0.046), 0.0585 * h, clothes.hair)
        )
        out.append(part(*brim, (0.02 * h, 0.014 * h), clothes.hair * 0.8))
    return together(out)
