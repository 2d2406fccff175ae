"""Single pictures for the page: a frame of a video, the similarity of two videos."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mvssl.alignment import cost_matrix
from mvssl.frames import VideoFrames
from mvssl.reporting.matrix import evenly
from mvssl.types import Video
from mvssl.video import open_video

MAX_HEIGHT = 480


def frame_picture(video: Video, time_s: float, *, height: int = 180) -> bytes:
    """JPEG of what is on screen at a time; times beyond the ends show the frame at that end."""
    with open_video(video) as decoder:
        height = min(height, MAX_HEIGHT, decoder.video.height)
        width = max(2, round(decoder.video.width * height / decoder.video.height))
        time_s = float(np.clip(time_s, decoder.times_s[0], decoder.times_s[-1]))
        frame = decoder.frames_at(np.array([time_s]), size=(height, width))[0]
    return _encoded(Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))), "JPEG")


def matrix_picture(reference: VideoFrames, query: VideoFrames) -> bytes:
    """PNG of the cosine similarities and nothing else: query's time across, reference's time up, one pixel a frame."""
    from matplotlib import colormaps

    similarity = 1.0 - cost_matrix(reference, query)[np.ix_(evenly(reference)[0], evenly(query)[0])]
    low, high = np.quantile(similarity, [0.02, 0.995])
    shown = np.clip((similarity - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    pixels = (colormaps["magma"](shown)[::-1, :, :3] * 255).astype(np.uint8)
    return _encoded(Image.fromarray(pixels), "PNG")


def _encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=85)
    return buffer.getvalue()
