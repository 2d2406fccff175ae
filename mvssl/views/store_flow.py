"""Optical flow computed once and kept beside the video, where computing it at every step costs too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mvssl import files
from mvssl.types import ClipRequest
from mvssl.views.evaluation import EvaluationViews
from mvssl.views.modalities.flow import FlowModality
from mvssl.views.parameters import Drawn

_CHUNK = 64  # frames decoded at a time


def store_flow(decoder: Any, *, flow: FlowModality | None = None, size: int = 112, file: str = "flow") -> Path:
    """Writes the flow of every frame of a video to ``<video>.<file>.npz``, for the modality ``array`` of kind ``vectors``.

    The whole picture is squeezed to ``size`` x ``size``; crops and flips are applied when it is read. It takes
    4 size^2 bytes a frame. The file appears under its name only when it is complete.

    Args:
        decoder: an open video (``mvssl.video.open_video``).
        flow: its ``delta_s`` and preset; default ``Flow()``. The last frames, which have no later one so far ahead, are
            compared with the last frame of all, and the last one itself gets zeros.
        size: of the stored fields in pixels.
        file: middle part of the file's name.
    """
    flow = flow or FlowModality()
    evaluation = EvaluationViews(size=size, fit="squash")
    times_s = np.asarray(decoder.times_s)
    parts = []
    for start in range(0, len(times_s), _CHUNK):
        request = flow.request(ClipRequest(decoder.video.id, times_s[start : start + _CHUNK]), evaluation, Drawn())
        parts.append(flow.pack(decoder.read([request])[0], evaluation, Drawn())[:, 0])
    path = Path(decoder.video.path).with_suffix(f".{file}.npz")
    with files.whole_file(path) as temporary:
        np.savez(temporary, time_s=times_s, values=np.concatenate(parts))
    return path
