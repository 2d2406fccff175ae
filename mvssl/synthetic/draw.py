"""Draws tapered capsules over a background: shaded as round bodies, smooth at the edge, hidden by what is nearer.

Each part is painted as the picture of a swept sphere: where a pixel lies beside the part's axis says how the surface
is turned there, hence its brightness and its depth. That is exact for a sphere and close for limbs.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .camera import Camera
from .flesh import Parts
from .room import Background, Box, Light

_SHADOW_PX, _SHADOW_HALF_M = 192, 2.4  # the floor around the figure as a grid


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
    """Shadow on the floor around the origin, (192, 192) float32 in [0, 1]: the lamp's, and a soft one from above."""
    scale = _SHADOW_PX / (2 * _SHADOW_HALF_M)
    slope = light.direction[:2] / light.direction[2]
    masks = []
    for falls, blur, weight in ((slope, 5, 1.0), (np.zeros(2), 15, 0.45)):
        mask = np.zeros((_SHADOW_PX, _SHADOW_PX), np.uint8)
        ends = [p[frame, :, :2] - p[frame, :, 2:] * falls for p in (parts.start, parts.end)]
        pixels = [np.round((e + _SHADOW_HALF_M) * scale * 16).astype(int).clip(-16000, 16000) for e in ends]
        widths = np.maximum(np.round(parts.radius[frame].mean(-1) * 2 * scale), 1).astype(int)
        for a, b, width, radius in zip(*pixels, widths, parts.radius[frame].max(-1)):
            if radius > 0:
                cv2.line(mask, a.tolist(), b.tolist(), 255, int(width), cv2.LINE_AA, 4)
        for box in boxes:
            corners = np.array([(x, y) for x in (box.low_m[0], box.high_m[0]) for y in (box.low_m[1], box.high_m[1])])
            cast = np.concatenate([corners - z * falls for z in (box.low_m[2], box.high_m[2])])
            points = np.round((cast + _SHADOW_HALF_M) * scale).astype(np.int32).clip(-4000, 4000)
            cv2.fillConvexPoly(mask, cv2.convexHull(points), 255)
        masks.append(cv2.GaussianBlur(mask, (0, 0), blur / 3).astype(np.float32) * (weight / 255))
    return np.maximum(masks[0], masks[1])


def darken_floor(background: Background, shadow: np.ndarray, light: Light) -> np.ndarray:
    """The background (H, W, 3) with the shadow of ``shadows`` laid on its floor; a new array."""
    scale = _SHADOW_PX / (2 * _SHADOW_HALF_M)
    place = np.nan_to_num((background.floor_map + _SHADOW_HALF_M) * scale, nan=-9.0).astype(np.float32)
    lost = cv2.remap(shadow, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    share = light.strength * light.direction[2] / (light.ambient + light.strength * light.direction[2])
    return background.colour * (1 - np.minimum(share + 0.12, 0.8) * lost[..., None])


def draw(
    picture: np.ndarray, depth: np.ndarray, parts: Parts, seen: Seen, frame: int, light: Light, camera: Camera
) -> None:
    """Paints the parts of one frame into ``picture`` (H, W, 3) float32 and ``depth`` (H, W), far parts first."""
    height, width = picture.shape[:2]
    lamp = camera.turn @ light.direction  # x right, y down, z away from the camera
    for p in np.argsort(-seen.depth[frame].mean(-1), kind="stable"):
        ra, rb = seen.radius[frame, p]
        if ra <= 0 and rb <= 0:
            continue
        (ax, ay), (bx, by), (za, zb) = seen.start[frame, p], seen.end[frame, p], seen.depth[frame, p]
        reach = max(ra, rb) + 1.0
        x0, x1 = int(max(min(ax, bx) - reach, 0)), int(min(max(ax, bx) + reach + 1, width))
        y0, y1 = int(max(min(ay, by) - reach, 0)), int(min(max(ay, by) + reach + 1, height))
        if x0 >= x1 or y0 >= y1:
            continue
        x = np.arange(x0, x1, dtype=np.float32)[None] - np.float32(ax)
        y = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(ay)
        dx, dy = np.float32(bx - ax), np.float32(by - ay)
        along = np.clip((x * dx + y * dy) / np.float32(max(dx * dx + dy * dy, 1e-3)), 0, 1)
        radius = np.float32(ra) + along * np.float32(rb - ra)
        x, y = x - along * dx, y - along * dy
        beside = np.sqrt(x * x + y * y)
        cover = np.clip(radius - beside + 0.5, 0, 1)
        ratio = np.minimum(beside / np.maximum(radius, 0.3), 1)
        towards = np.sqrt(1 - ratio * ratio)  # of the normal, towards the camera
        thickness = np.float32(seen.thickness[frame, p])
        here = np.float32(za) + along * np.float32(zb - za) - towards * thickness
        window = depth[y0:y1, x0:x1]
        visible = cover * np.clip((window - here) / np.float32(0.25 * thickness + 1e-3) + 0.5, 0, 1)
        facing = (x * np.float32(lamp[0]) + y * np.float32(lamp[1])) / np.maximum(radius, 0.3)
        shade = light.shade(facing - towards * np.float32(lamp[2])) * (0.8 + 0.2 * towards)
        colour = (parts.colour[p] * light.tint).astype(np.float32)
        lit = shade[..., None] * colour
        if parts.num_bands[p]:
            other = np.clip(np.sin(along * np.float32(2 * np.pi * parts.num_bands[p])) * 4, 0, 1)[..., None]
            lit = lit + other * shade[..., None] * ((parts.stripe[p] * light.tint).astype(np.float32) - colour)
        target = picture[y0:y1, x0:x1]
        target += visible[..., None] * (lit - target)
        window[...] = np.where(visible > 0.5, np.minimum(here, window), window)
