"""Films a session: the pictures of each of its cameras."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .body_shapes import Parts, person, together
from .draw import darken_floor, draw, see_parts, shadow_map, shadows
from .figure import joints
from .props import props
from .room import see
from .sessions import Session

_NOISE = 0.006  # of the sensor, as a share of white
_CHUNK = 12  # frames drawn at once
_NUM_NOISES = 8  # noise pictures, used in random order


def frame_times(session: Session, fps: float) -> np.ndarray:
    """Presentation times (T,) in seconds: the frames that fit into the performance."""
    return np.arange(int(session.motion.duration_s * fps)) / fps


def parts_at(session: Session, time_s: np.ndarray) -> Parts:
    """Person and props at the given times, in the axes of the room."""
    poses = session.motion.poses_at(time_s)
    joint = joints(session.body, poses)
    handled = props(
        session.action, session.motion, time_s, poses, joint, colours=session.prop_colours, speed=session.ball_speed
    )
    return together([person(session.body, session.clothes, joint), *handled])


def film(session: Session, *, fps: float = 30.0) -> Iterator[list[np.ndarray]]:
    """Frame by frame, the uint8 RGB pictures (H, W, 3) of all cameras at the same instant."""
    time_s = frame_times(session, fps)
    parts = parts_at(session, time_s)
    near = tuple(box for box in session.room.boxes if np.abs(np.stack([box.low_m, box.high_m])[:, :2]).max() < 1.5)
    views = []
    for camera in session.cameras:
        background = see(session.room, session.light, camera)
        views.append((camera, background, shadow_map(background), see_parts(parts, camera)))
    rng = np.random.default_rng(session.noise_seed)
    height, width = session.cameras[0].size
    noises = rng.normal(0.5, _NOISE * 255, (_NUM_NOISES, height, width, 1)).astype(np.float32)
    swell, hertz, start = session.exposure
    brightness = (255 * (1 + swell * np.sin(2 * np.pi * hertz * time_s + start))).astype(np.float32)
    for first in range(0, len(time_s), _CHUNK):
        chunk = slice(first, min(first + _CHUNK, len(time_s)))
        fallen = [shadows(parts, near, session.light, frame) for frame in range(chunk.start, chunk.stop)]
        shown = []
        for camera, background, place, seen in views:
            pictures = np.stack([darken_floor(background, place, shadow, session.light) for shadow in fallen])
            depths = np.repeat(background.depth[None], len(pictures), axis=0)
            draw(pictures, depths, parts, seen, chunk, session.light, camera)
            pictures *= brightness[chunk, None, None, None]
            pictures += noises[rng.integers(_NUM_NOISES, size=len(pictures))]
            shown.append(pictures.clip(0, 255, out=pictures).astype(np.uint8))
        yield from (list(instant) for instant in zip(*shown, strict=True))
