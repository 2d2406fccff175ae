"""Draws tapered capsules over a background: shaded as round bodies, smooth at the edge, hidden by what is nearer.

Each part is painted as the picture of a swept sphere: where a pixel lies beside the part's axis says how the surface
is turned there, hence its brightness and its depth. That is exact for a sphere and close for limbs.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .body_shapes import Parts
from .camera import Camera
from .room import Background, Box, Light

_SHADOW_PX, _SHADOW_HALF_M = 96, 2.4  # the floor around the figure as a grid


class Seen(NamedTuple):
    """Parts as a camera sees them."""

    start: np.ndarray  # (T, P, 2) pixels
    end: np.ndarray  # (T, P, 2)
    depth: np.ndarray  # (T, P, 2) metres
    radius: np.ndarray  # (T, P, 2) pixels
    thickness: np.ndarray  # (T, P) metres


def see_parts(parts: Parts, camera: Camera) -> Seen:
    """Projects all parts of all frames."""
    start, start_depth = camera.project(parts.start)
    end, end_depth = camera.project(parts.end)
    depth = np.stack([start_depth, end_depth], -1)
    return Seen(start, end, depth, parts.radius * camera.focal_px / depth, parts.radius.mean(-1))


def shadows(parts: Parts, boxes: tuple[Box, ...], light: Light, frame: int) -> np.ndarray:
    """Shadow on the floor around the origin, (96, 96) float32 in [0, 1]: the lamp's, and a soft one from above."""
    scale = _SHADOW_PX / (2 * _SHADOW_HALF_M)
    slope = light.direction[:2] / light.direction[2]
    masks = []
    for falls, blur, weight in ((slope, 0.9, 1.0), (np.zeros(2), 2.5, 0.45)):
        mask = np.zeros((_SHADOW_PX, _SHADOW_PX), np.uint8)
        ends = [p[frame, :, :2] - p[frame, :, 2:] * falls for p in (parts.start, parts.end)]
        pixels = [np.round(((e + _SHADOW_HALF_M) * scale - 0.5) * 16).astype(int).clip(-16000, 16000) for e in ends]
        widths = np.maximum(np.round(parts.radius[frame].mean(-1) * 2 * scale), 1).astype(int)
        for a, b, width, radius in zip(*pixels, widths, parts.radius[frame].max(-1)):
            if radius > 0:
                cv2.line(mask, a.tolist(), b.tolist(), 255, int(width), cv2.LINE_AA, 4)
        for box in boxes:
            corners = np.array([(x, y) for x in (box.low_m[0], box.high_m[0]) for y in (box.low_m[1], box.high_m[1])])
            cast = np.concatenate([corners - z * falls for z in (box.low_m[2], box.high_m[2])])
            points = np.round((cast + _SHADOW_HALF_M) * scale - 0.5).astype(np.int32).clip(-4000, 4000)
            cv2.fillConvexPoly(mask, cv2.convexHull(points), 255)
        masks.append(cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) * (weight / 255))
    return np.maximum(masks[0], masks[1])


def shadow_map(background: Background) -> np.ndarray:
    """Where each pixel finds its floor in the grid of ``shadows``: (H, W, 2) float32, outside the grid if it sees no floor."""
    scale = _SHADOW_PX / (2 * _SHADOW_HALF_M)
    return np.nan_to_num((background.floor_map + _SHADOW_HALF_M) * scale - 0.5, nan=-9.0).astype(np.float32)


def darken_floor(background: Background, place: np.ndarray, shadow: np.ndarray, light: Light) -> np.ndarray:
    """The background (H, W, 3) with the shadow of ``shadows`` laid on its floor; a new array. place: its ``shadow_map``."""
    lamp = light.strength * light.direction[2]
    loss = min(lamp / (light.ambient + lamp) + 0.12, 0.8)
    left = cv2.remap(
        1 - loss * shadow,
        place[..., 0],
        place[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=1.0,
    )
    return background.colour * left[..., None]


def draw(
    pictures: np.ndarray, depths: np.ndarray, parts: Parts, seen: Seen, frames: slice, light: Light, camera: Camera
) -> None:
    """Paints the parts into ``pictures`` (T, H, W, 3) float32 and ``depths`` (T, H, W), far parts first.

    ``frames`` are the T frames of ``parts`` that the pictures show. A part is computed for all of them at once.
    """
    lamp = (camera.turn @ light.direction).tolist()  # x right, y down, z away from the camera
    colours, stripes = ((c * light.tint).astype(np.float32) for c in (parts.colour, parts.stripe))
    some = Seen(*(array[frames].astype(np.float32) for array in seen))
    t = np.arange(len(pictures))[:, None, None]
    for p in np.argsort(-some.depth.mean((0, 2)), kind="stable").tolist():
        start, end, depth, radius = some.start[:, p], some.end[:, p], some.depth[:, p], some.radius[:, p]
        reach = radius.max(-1) + 1
        if reach.max() <= 1:
            continue
        columns = _patch(start[:, 0], end[:, 0], reach, pictures.shape[2])[:, None, :]
        rows = _patch(start[:, 1], end[:, 1], reach, pictures.shape[1])[:, :, None]
        ax, ay, dx, dy, za, dz, ra, dr, thickness = (
            value[:, None, None]
            for value in (*start.T, *(end - start).T, depth[:, 0], depth[:, 1] - depth[:, 0])
            + (radius[:, 0], radius[:, 1] - radius[:, 0], some.thickness[:, p])
        )
        x, y = columns.astype(np.float32) - ax, rows.astype(np.float32) - ay
        squared = np.maximum(dx * dx + dy * dy, 1e-3)
        along = _unit(x * (dx / squared) + y * (dy / squared))
        wide = along * dr
        wide += np.maximum(ra, 0.3)
        x, y = x - along * dx, y - along * dy
        beside = np.sqrt(x * x + y * y)
        visible = _unit(wide - beside + 0.5)
        visible *= ra > 0
        ratio = np.minimum(beside / wide, 1)
        towards = np.sqrt(1 - ratio * ratio)  # of the normal, towards the camera
        here = along * dz
        here += za
        here -= towards * thickness
        before = depths[t, rows, columns]
        visible *= _unit((before - here) / (0.25 * thickness + 1e-3) + 0.5)
        shade = light.shade((x * lamp[0] + y * lamp[1]) / wide - towards * lamp[2]) * (0.8 + 0.2 * towards)
        lit = shade[..., None] * colours[p]
        if parts.num_bands[p]:
            other = _unit(np.sin(along * (2 * np.pi * float(parts.num_bands[p]))) * 4) * shade
            lit += other[..., None] * (stripes[p] - colours[p])
        target = pictures[t, rows, columns]
        lit -= target
        lit *= visible[..., None]
        lit += target
        pictures[t, rows, columns] = lit
        depths[t, rows, columns] = np.where(visible > 0.5, np.minimum(here, before), before)


def _patch(start: np.ndarray, end: np.ndarray, reach: np.ndarray, num_pixels: int) -> np.ndarray:
    """Pixels (T, w) along one axis that may show a part: w is the same in all frames, and no pixel lies outside."""
    first = np.floor(np.clip(np.minimum(start, end) - reach, -1, num_pixels))
    last = np.ceil(np.clip(np.maximum(start, end) + reach, -1, num_pixels))
    length = min(int((last - first).max()) + 1, num_pixels)
    return np.clip(first, 0, num_pixels - length).astype(np.int64)[:, None] + np.arange(length)


def _unit(x: np.ndarray) -> np.ndarray:
    """Cut to [0, 1], in place."""
    np.maximum(x, 0, out=x)
    return np.minimum(x, 1, out=x)
