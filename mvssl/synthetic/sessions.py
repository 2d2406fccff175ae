"""What differs from session to session: person, clothes and room (by group); performance, light and cameras (by session)."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np

from .actions import ACTIONS, act
from .body_shapes import Clothes
from .camera import Camera, look_at
from .figure import Body
from .motion import Motion
from .props import table
from .room import Box, Light, Picture, Room, Surface

_AZIMUTHS_DEG = (35.0, -70.0, 150.0, -20.0)  # from the front of the figure, to its left
_GROUP_STREAM, _SESSION_STREAM = 1, 2  # keep the two kinds of draws apart


class Session(NamedTuple):
    """One performance and everything needed to film it."""

    action: str
    name: str
    group: str  # one person in one room; a group performs every action once
    split: str
    body: Body
    clothes: Clothes
    room: Room
    light: Light
    exposure: np.ndarray  # (3,) swell, hertz and phase of the slow change of brightness
    motion: Motion
    cameras: tuple[Camera, ...]
    angles: tuple[tuple[float, float, float], ...]  # azimuth_deg, elevation_deg, distance_m of each camera
    prop_colours: np.ndarray  # (3, 3)
    ball_speed: float  # metres a second
    noise_seed: int


def _hue(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))


def _clothes(rng: np.random.Generator) -> Clothes:
    shirt = _hue(rng, (0.3, 0.95), (0.35, 0.95))
    skin = np.array([0.93, 0.74, 0.6]) * (1 - rng.uniform(0.0, 0.62) * np.array([0.85, 1.0, 1.1]))
    hair = np.array([0.16, 0.1, 0.07]) + rng.random() ** 2 * np.array([0.6, 0.45, 0.25])
    cap = bool(rng.random() < 0.3)
    return Clothes(
        skin=skin,
        hair=_hue(rng, (0.4, 0.9), (0.3, 0.9)) if cap else hair,
        shirt=shirt,
        stripe=_hue(rng, (0.0, 0.8), (0.3, 1.0)),
        num_bands=int(rng.choice([0, 0, 3, 4])),
        trousers=_hue(rng, (0.1, 0.7), (0.12, 0.6)),
        shoes=_hue(rng, (0.0, 0.8), (0.15, 0.95)),
        long_sleeves=bool(rng.random() < 0.5),
        long_trousers=bool(rng.random() < 0.7),
        cap=cap,
    )


def _surface(rng: np.random.Generator, kinds: tuple[str, ...], value: tuple[float, float], size_m) -> Surface:
    first = _hue(rng, (0.05, 0.5), value)
    second = np.clip(first * rng.uniform(0.72, 1.15) + rng.uniform(-0.06, 0.06, 3), 0.02, 1)
    grain = np.zeros((64, 64))
    for cells in (4, 16, 64):
        coarse = rng.normal(0, 1, (cells, cells))
        grain += np.kron(coarse, np.ones((64 // cells, 64 // cells)))
    kind = str(rng.choice(kinds))
    return Surface(kind, np.stack([first, second]), rng.uniform(*size_m[kind]), grain * rng.uniform(0.008, 0.035))


def _room(rng: np.random.Generator) -> Room:
    half, height = rng.uniform(4.4, 5.6, 2), rng.uniform(2.7, 3.4)
    sizes = {"plain": (1, 2), "stripes": (0.15, 0.5), "bricks": (0.1, 0.2), "tiles": (0.35, 0.8), "planks": (0.1, 0.2)}
    walls = _surface(rng, ("plain", "stripes", "bricks"), (0.45, 0.95), sizes)
    floor = _surface(rng, ("plain", "tiles", "planks"), (0.3, 0.8), sizes)
    boxes, pictures = [], []
    for wall in range(4):
        axis, sign = wall // 2, 1.0 if wall % 2 == 0 else -1.0
        for _ in range(int(rng.integers(1, 4))):
            size, along = rng.uniform((0.3, 0.4, 0.4), (0.6, 1.4, 2.1)), rng.uniform(-3.6, 3.6)
            low, high = np.zeros(3), np.zeros(3)
            edge = sign * half[axis]
            low[axis], high[axis] = sorted((edge, edge - sign * size[0]))
            low[1 - axis], high[1 - axis], high[2] = along - size[1] / 2, along + size[1] / 2, size[2]
            boxes.append(Box(low, high, _hue(rng, (0.1, 0.7), (0.2, 0.8))))
        for _ in range(int(rng.integers(1, 4))):
            tile = np.stack([_hue(rng, (0.1, 0.9), (0.3, 1.0)) for _ in range(12)]).reshape(4, 3, 3)
            if rng.random() < 0.35:  # a window: bright above, greener below
                tile = np.linspace((0.85, 0.93, 1.0), (0.55, 0.75, 0.6), 8)[:, None].repeat(2, 1)
            centre = (float(rng.uniform(-3.6, 3.6)), float(rng.uniform(1.4, 2.0)))
            pictures.append(Picture(wall, centre, tuple(rng.uniform((0.25, 0.25), (0.7, 0.5))), tile))
    return Room(half, height, walls, floor, _hue(rng, (0.0, 0.4), (0.2, 0.9)), tuple(boxes), tuple(pictures))


def _light(rng: np.random.Generator) -> Light:
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(40, 70))
    direction = [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    tint = 1 + rng.uniform(-0.12, 0.12) * np.array([1.0, 0.1, -1.0])
    level = rng.uniform(0.95, 1.35)
    return Light(np.array(direction), 0.5 * level, rng.uniform(0.45, 0.7) * level, tint)


def group_name(number: int) -> str:
    return f"person{number:02d}"


def split_of(number: int, num_sessions: int) -> str:
    """The last 35 % of the groups (two at least, if there are four) are for validation."""
    num_val = max(round(0.35 * num_sessions), min(2, num_sessions // 2))
    return "val" if number >= num_sessions - num_val else "train"


def make_session(
    action: str, number: int, *, num_sessions: int, num_cameras: int, size: tuple[int, int], seed: int
) -> Session:
    """Draws session ``number`` of an action; depends on nothing but the arguments. size: (height, width) in pixels."""
    group_rng = np.random.default_rng([seed, _GROUP_STREAM, number])
    body = Body(group_rng.uniform(1.55, 1.92), *group_rng.uniform((0.94, 0.95, 0.88, 0.88), (1.06, 1.05, 1.14, 1.22)))
    clothes, room = _clothes(group_rng), _room(group_rng)
    rng = np.random.default_rng([seed, _SESSION_STREAM, list(ACTIONS).index(action), number])
    motion, light = act(action, body, rng), _light(rng)
    if action == "pour":
        room = room._replace(boxes=(*room.boxes, *table(_hue(rng, (0.2, 0.6), (0.35, 0.8)))))
    near = 0.74 if action == "pour" else 1.0
    cameras, angles = [], []
    for azimuth_deg in _AZIMUTHS_DEG[:num_cameras]:
        azimuth_deg += rng.uniform(-25, 25)
        elevation_deg, distance_m = rng.uniform(4, 24), rng.uniform(3.2, 4.1) * near
        target = np.array([0.1, 0.0, 0.53 * body.stature_m + 0.06 / near]) + rng.uniform(-0.14, 0.14, 3) * near
        camera = look_at(
            target,
            azimuth_deg=azimuth_deg,
            elevation_deg=elevation_deg,
            distance_m=distance_m,
            focal=rng.uniform(1.36, 1.6),
            size=size,
            roll_deg=rng.uniform(-3, 3),
        )
        cameras.append(camera)
        angles.append((azimuth_deg, elevation_deg, distance_m))
    return Session(
        action=action,
        name=f"{action}-{number:02d}",
        group=group_name(number),
        split=split_of(number, num_sessions),
        body=body,
        clothes=clothes,
        room=room,
        light=light,
        exposure=rng.uniform((0.02, 0.03, 0), (0.08, 0.15, 2 * np.pi)),
        motion=motion,
        cameras=tuple(cameras),
        angles=tuple(angles),
        prop_colours=np.stack(
            [_hue(rng, (0.6, 1), (0.6, 1)), _hue(rng, (0.1, 0.5), (0.6, 1)), np.array([0.45, 0.7, 0.95])]
        ),
        ball_speed=rng.uniform(5, 8),
        noise_seed=int(rng.integers(2**31)),
    )
