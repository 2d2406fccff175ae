"""Colour pictures."""

from __future__ import annotations

import numpy as np

from mvssl.types import Clip, ClipRequest, View
from mvssl.views.modalities._frames import channels_first, pictures
from mvssl.views.modality import Modality, Transform
from mvssl.views.parameters import Drawn


class RGB(Modality):
    """RGB in [0, 1]; normalisation by mean and deviation is the encoder's.

    Args:
        offsets_s: frames wanted around each time, in seconds; several give K pictures per time (context frames).
            Neighbours beyond the ends of the video show its end frames.
    """

    channels = 3

    def __init__(self, *, offsets_s: tuple[float, ...] = (0.0,)):
        self.offsets_s = tuple(offsets_s)
        self.key = ("rgb", self.offsets_s)

    def request(self, request: ClipRequest, transform: Transform, drawn: Drawn) -> ClipRequest:
        offsets_s = np.asarray(self.offsets_s) if self.offsets_s != (0.0,) else request.offsets_s
        return transform.request(request, drawn)._replace(offsets_s=offsets_s)

    def pack(self, clip: Clip, transform: Transform, drawn: Drawn) -> np.ndarray:
        return channels_first(transform.apply(pictures(clip), drawn), len(clip.frames))

    def to_input(self, view: View) -> View:
        return view._replace(pixels=view.pixels.float() / 255)
