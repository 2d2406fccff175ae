"""A pinhole camera that looks at the figure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Camera(NamedTuple):
    """Place and lens of one camera, in the axes of the room (metres, z up)."""

    place_m: np.ndarray  # (3,)
    turn: np.ndarray  # (3, 3) rows: right, down, forward
    focal: float  # focal length as a share of the picture's height
    size: tuple[int, int]  # height, width in pixels

    @property
    def focal_px(self) -> float:
        return self.focal * self.size[0]

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (..., 3) -> pixels (..., 2) as (x, y), centre of the top left pixel at (0, 0), and depth (...) in metres."""
        seen = (points_m - self.place_m) @ self.turn.T
        depth = np.maximum(seen[..., 2], 0.05)
        height, width = self.size
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        return seen[..., :2] / depth[..., None] * self.focal_px + centre, depth

    def rays(self, scale: int = 1) -> np.ndarray:
        """Directions (H x scale, W x scale, 3) through the pixels, with forward component 1: depth is the ray's parameter."""
        height, width = self.size
        x = (np.arange(width * scale) + 0.5) / scale - width / 2
        y = (np.arange(height * scale) + 0.5) / scale - height / 2
        seen = np.ones((height * scale, width * scale, 3))
        seen[..., 0], seen[..., 1] = x[None] / self.focal_px, y[:, None] / self.focal_px
        return seen @ self.turn


def look_at(
    target_m: np.ndarray,
    *,
    azimuth_deg: float,
    elevation_deg: float,
    distance_m: float,
    focal: float,
    size: tuple[int, int],
    roll_deg: float = 0.0,
) -> Camera:
    """A camera ``distance_m`` from ``target_m`` (3,), seen from there at the given azimuth (from x towards y) and elevation."""
    azimuth, elevation, roll = np.deg2rad([azimuth_deg, elevation_deg, roll_deg])
    away = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    forward = -away
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turned = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    return Camera(target_m + distance_m * away, np.stack([*turned, forward]), focal, size)
