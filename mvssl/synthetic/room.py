"""The room behind the figure: walls, floor and boxes, cast once per camera into a picture and its depth."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .camera import Camera


class Box(NamedTuple):
    """A box with sides along the axes: furniture."""

    low_m: np.ndarray  # (3,)
    high_m: np.ndarray  # (3,)
    colour: np.ndarray  # (3,) RGB in [0, 1]


class Surface(NamedTuple):
    """How a wall or the floor looks."""

    kind: str  # plain, stripes, tiles, planks, bricks
    colours: np.ndarray  # (2, 3)
    size_m: float  # of one stripe or tile
    grain: np.ndarray  # (64, 64) mottling around 0, repeated over the surface


class Picture(NamedTuple):
    """Something flat that hangs on a wall: a poster or a window."""

    wall: int  # 0..3: +x, -x, +y, -y
    centre_m: tuple[float, float]  # along the wall, height
    half_m: tuple[float, float]
    tile: np.ndarray  # (h, w, 3)


class Room(NamedTuple):
    half_m: np.ndarray  # (2,) half the width along x and y
    height_m: float
    walls: Surface
    floor: Surface
    skirting: np.ndarray  # (3,)
    boxes: tuple[Box, ...]
    pictures: tuple[Picture, ...]


class Light(NamedTuple):
    """One lamp far away, and light from everywhere."""

    direction: np.ndarray  # (3,) unit, towards the lamp
    ambient: float
    strength: float
    tint: np.ndarray  # (3,)

    def shade(self, facing: np.ndarray) -> np.ndarray:
        """Brightness for the cosine between a surface and the lamp."""
        return self.ambient + self.strength * np.maximum(facing, 0.0)


class Background(NamedTuple):
    """What one camera sees without the figure."""

    colour: np.ndarray  # (H, W, 3) float32, lit
    depth: np.ndarray  # (H, W) float32 metres along the axis of the camera
    floor_map: np.ndarray  # (H, W, 2) float32: place on the floor in metres; NaN where no floor is seen


def _pattern(surface: Surface, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Colour (..., 3) at the places u, v (metres)."""
    row, size = np.floor(v / surface.size_m), surface.size_m
    if surface.kind == "plain":
        second = np.zeros_like(u)
    elif surface.kind == "stripes":
        second = np.floor(u / size) % 2
    elif surface.kind == "tiles":
        second = (np.floor(u / size) + row) % 2
    elif surface.kind == "planks":
        plank = np.floor(u / (size * 6) + (row * 0.377) % 1.0)
        second = (np.sin(row * 12.9898 + plank * 78.233) * 43758.5453) % 1.0
    else:  # bricks: joints in the second colour
        along = (u / (2 * size) + (row % 2) / 2) % 1.0
        second = ((along < 0.06) | ((v / size) % 1.0 < 0.12)).astype(float)
    colour = surface.colours[0] + second[..., None] * (surface.colours[1] - surface.colours[0])
    grain = cv2.remap(
        surface.grain.astype(np.float32),
        ((u / 2.4 * 64) % 63).astype(np.float32),
        ((v / 2.4 * 64) % 63).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return colour * (1 + grain[..., None])


def _hang(picture: Picture, colour: np.ndarray, along: np.ndarray, height: np.ndarray, here: np.ndarray) -> None:
    """Writes a picture into the wall's colours, with a frame around it."""
    x = (along - picture.centre_m[0]) / picture.half_m[0]
    y = (picture.centre_m[1] - height) / picture.half_m[1]
    colour[here & (np.abs(x) < 1.06) & (np.abs(y) < 1.06)] = 0.22
    inside = here & (np.abs(x) < 1) & (np.abs(y) < 1)
    rows, columns = picture.tile.shape[:2]
    i = ((y[inside] + 1) / 2 * rows).astype(int).clip(0, rows - 1)
    j = ((x[inside] + 1) / 2 * columns).astype(int).clip(0, columns - 1)
    colour[inside] = picture.tile[i, j]


def _cast_box(box: Box, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ray parameter (H, W), inf where missed, and the axis of the side that was hit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (box.low_m - origin) / rays, (box.high_m - origin) / rays
    near, far = np.minimum(first, second), np.maximum(first, second)
    enter = near.max(-1)
    hit = (enter < far.min(-1)) & (enter > 0)
    return np.where(hit, enter, np.inf), near.argmax(-1)


def _cast(room: Room, light: Light, camera: Camera, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rays, origin = camera.rays(scale), camera.place_m
    with np.errstate(divide="ignore", invalid="ignore"):
        walls_x = (np.copysign(room.half_m[0], rays[..., 0]) - origin[0]) / rays[..., 0]
        walls_y = (np.copysign(room.half_m[1], rays[..., 1]) - origin[1]) / rays[..., 1]
        level = (np.where(rays[..., 2] < 0, 0.0, room.height_m) - origin[2]) / rays[..., 2]
    depth = np.minimum(np.minimum(walls_x, walls_y), level)
    place = origin + depth[..., None] * rays
    on_level, on_x = depth == level, (depth == walls_x) & (depth != level)
    floor, ceiling = on_level & (rays[..., 2] < 0), on_level & (rays[..., 2] >= 0)

    along = np.where(on_x, place[..., 1], place[..., 0])
    colour = _pattern(room.walls, along, place[..., 2])
    colour[~on_level & (place[..., 2] < 0.1)] = room.skirting
    sign = np.where(on_x, rays[..., 0] < 0, rays[..., 1] < 0)
    wall = np.where(on_level, -1, np.where(on_x, 0, 2) + sign)
    for picture in room.pictures:
        _hang(picture, colour, along, place[..., 2], wall == picture.wall)
    colour[floor] = _pattern(room.floor, place[..., 0], place[..., 1])[floor]
    colour[ceiling] = 0.86
    facing = np.where(on_x, np.abs(light.direction[0]), np.abs(light.direction[1])) * 0.6
    facing = np.where(floor, light.direction[2], np.where(ceiling, 0.2, facing))
    corner = np.minimum(room.half_m[0] - np.abs(place[..., 0]), room.half_m[1] - np.abs(place[..., 1]))
    corner = np.where(on_level, corner, np.minimum(place[..., 2], 0.6))
    shade = light.shade(facing) * (0.72 + 0.28 * np.clip(corner / 0.6, 0, 1))
    floor_map = np.where(floor[..., None], place[..., :2], np.nan)
    for box in room.boxes:
        parameter, axis = _cast_box(box, origin, rays)
        nearer = parameter < depth
        facing = np.take(np.abs(light.direction) * [0.55, 0.35, 1.0], axis)
        colour[nearer], shade[nearer] = box.colour, light.shade(facing)[nearer]
        depth, floor_map[nearer] = np.where(nearer, parameter, depth), np.nan
    return colour * shade[..., None] * light.tint, depth, floor_map


def see(room: Room, light: Light, camera: Camera) -> Background:
    """The room as the camera sees it; colours are averaged over 2 x 2 rays a pixel."""
    height, width = camera.size
    fine, _, _ = _cast(room, light, camera, 2)
    colour = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    _, depth, floor_map = _cast(room, light, camera, 1)
    return Background(colour.astype(np.float32), depth.astype(np.float32), floor_map.astype(np.float32))
