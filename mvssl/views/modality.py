"""What a modality is to the loader (worker side) and to the trained module (device side)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

import numpy as np
from torch import Tensor

from mvssl.types import Clip, ClipRequest, Video, View
from mvssl.views.parameters import Drawn

ReadAudio = Callable[..., tuple[np.ndarray, int]]  # mvssl.video.read_audio


class Transform(Protocol):
    """An augmentation or the evaluation view: planned before decoding, applied after it."""

    @property
    def size(self) -> int: ...

    def draw(self, view: int, width: int, height: int, generator: np.random.Generator) -> Drawn: ...

    def request(self, request: ClipRequest, drawn: Drawn) -> ClipRequest: ...

    def apply(self, frames: np.ndarray, drawn: Drawn) -> np.ndarray: ...


class Modality:
    """A way to look at the frames of a clip.

    Attributes:
        channels: C of what the network receives.
        shows_pictures: the network receives (B, T, K, C, H, W); False = (B, T, F).
        reach_s: how far beyond its times the modality looks; samplers keep so much room before the end of the video.
        decodes: True = made of the decoder's frames (``request``, ``pack``); False = of something else (``load``).
        key: modalities with equal keys share one copy of the worker's pixels.
    """

    channels: int
    shows_pictures: bool = True
    reach_s: float = 0.0
    decodes: bool = True
    key: Hashable

    def request(self, request: ClipRequest, transform: Transform, drawn: Drawn) -> ClipRequest:
        """What to decode for this modality."""
        raise NotImplementedError

    def pack(self, clip: Clip, transform: Transform, drawn: Drawn) -> np.ndarray:
        """(T, K, C, H, W) array that leaves the worker: uint8 pictures or float16 vectors."""
        raise NotImplementedError

    def load(
        self, video: Video, request: ClipRequest, transform: Transform, drawn: Drawn, read_audio: ReadAudio
    ) -> np.ndarray | None:
        """As ``pack``, or (T, F) float32 (``shows_pictures`` False), from what is not a frame; None where this video has
        no such thing."""
        raise NotImplementedError

    def floats(self, pixels: Tensor) -> Tensor:
        """On the training device: pixels that left the worker -> float pixels for the network, in [0, 1]."""
        raise NotImplementedError

    def to_input(self, view: View) -> View:
        """The view with ``floats`` of its pixels."""
        return view._replace(pixels=self.floats(view.pixels))

    def empty(self, num_frames: int, num_neighbours: int, size: int) -> np.ndarray:
        """What ``pack`` would return for a request with K = ``num_neighbours``, all zero: for a view that is absent."""
        raise NotImplementedError
