"""The words of the project: what flows from a file to a metric, and the legend of its axes.

Axes, in every shape of every docstring:

    B  samples of a batch (a sample is a session: one video, or the cameras that filmed together)
    V  views            N  rows (B, or B x V)
    T  frames of a clip K  neighbours around a frame (flow, difference, context); K = 1 is the frame alone
    C H W  channels, height, width        D  features        P  parameters drawn by a transform        F  sound features

Times are presentation times in seconds, float64, on the clock of the file. ``session time = time_s + offset_s``.
The flow: ``Video`` (a row of the index) -> sampler -> ``ClipRequest`` -> decoder -> ``Clip`` -> transform and collate
-> ``View`` and ``Batch`` -> encoder -> ``Features`` -> objective (with a ``Context``), or a table of frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvssl.brief import brief_repr

if TYPE_CHECKING:  # a video's row needs no torch
    import torch
    from torch import Tensor


class Video(NamedTuple):
    """One row of the index: a video file, a range of one, or a folder of pictures. Empty strings mean "not stated"."""

    id: str  # unique within an index, stable between machines (path relative to the root, "/" as separator)
    path: str  # where to open it
    start_s: float = float("-inf")  # first and last instant that belong to this video, on the file's own clock;
    end_s: float = float("inf")  # infinite = not stated: from the first frame, to the end of the last one
    fps: float = 0.0  # average rate, for display and planning only; never used to find a frame
    num_frames: int = 0
    width: int = 0  # of the upright picture, after display rotation
    height: int = 0
    rotation: int = 0  # degrees that the file asks players to turn it, already applied by the decoders
    has_audio: bool = False
    session: str = ""  # cameras of one session show the same instants
    camera: str = ""
    offset_s: float = 0.0  # session time = time_s + offset_s
    group: str = ""  # person, scene or subject: never split between train and val
    split: str = ""
    label: str = ""  # action of the whole video

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


class ClipRequest(NamedTuple):
    """Which frames of which video, and how they are wanted. Planned by pure arithmetic, carried out by a decoder."""

    video_id: str
    time_s: np.ndarray  # (T,) float64, any order, repeats allowed
    offsets_s: np.ndarray = np.zeros(1)  # (K,) float64 neighbours around each time; (0,) = the frame alone
    mask: np.ndarray | None = (
        None  # (T,) bool; False = padding beyond the end (time_s is then clamped); None = all True
    )
    crop: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 in [0, 1] of the upright picture
    size: tuple[int, int] | None = None  # (H, W) after the crop; None = native
    planes: tuple[str, ...] = ("rgb",)  # "rgb", "motion"

    def __repr__(self) -> str:
        return brief_repr(self)


class Clip(NamedTuple):
    """Decoded frames, in the order of the request."""

    video_id: str
    time_s: np.ndarray  # (T, K) float64: presentation times of the frames shown
    frames: np.ndarray  # (T, K, 3, H, W) uint8 RGB; K = 1 for plain requests
    mask: np.ndarray  # (T,) bool
    motion: np.ndarray | None = None  # (T, K, 2, H, W) float32: pixels per second of the output picture, (dx, dy)
    damaged: np.ndarray | None = None  # (T, K) bool: the decoder reported damage for this frame

    def __repr__(self) -> str:
        return brief_repr(self)


class View(NamedTuple):
    """One view of every sample of a batch. Tensors; NamedTuples survive accelerate and DDP."""

    pixels: Tensor  # (B, T, K, C, H, W) uint8 or float in [0, 1]; or (B, T, F) float: cached backbone features, arrays
    time_s: Tensor  # (B, T) float64
    mask: Tensor  # (B, T) bool; False = padding
    present: Tensor  # (B,) bool; False = this sample has no such camera or sound: zeros, never used, counted
    box: Tensor  # (B, 4) float32: crop x0, y0, x1, y1 in [0, 1] of the upright picture
    params: Tensor  # (B, P) float32: what the transform drew, columns named by ``views.PARAMETERS``

    def __repr__(self) -> str:
        return brief_repr(self)


class Batch(NamedTuple):
    views: dict[str, View]  # names and order fixed by the configuration
    index: Tensor  # type: ignore[assignment]  # (B,) int64: row of the sample in the index of sessions
    label: Tensor  # (B,) int64; -1 = absent
    video_id: Tensor  # (B, V) int64: row of each view's video in the index of videos

    def __repr__(self) -> str:
        return brief_repr(self)


class Features(NamedTuple):
    frame: Tensor | None  # (N, T, D)
    clip: Tensor | None  # (N, D)
    maps: dict[str, Tensor]  # only the layers that were asked for


class Dims(NamedTuple):
    """Sizes an objective is built with, one per view."""

    frame: int
    clip: int
    maps: dict[str, int]
    num_frames: int
    members: int = 1  # parts of an ensemble that frame and clip are made of, one after the other


class ViewInfo(NamedTuple):
    """Everything of a view but its pixels: what an objective may see."""

    time_s: Tensor  # (B, T)
    mask: Tensor  # (B, T)
    present: Tensor  # (B,)
    box: Tensor  # (B, 4)
    params: Tensor  # (B, P)
    duration_s: Tensor | None = None  # (B,) length of the source video, for normalised time
    label: Tensor | None = None  # (B, T) int64: phase of each frame, -1 = absent
    offset_s: Tensor | None = None  # (B,) session time = time_s + offset_s; None = the views share one clock


class Context(NamedTuple):
    """What an objective knows of the batch beside the features. All tensors are this process's part of the batch."""

    views: dict[str, ViewInfo]
    index: Tensor  # type: ignore[assignment]  # (B,) sample
    video_id: Tensor  # (B, V)
    session_id: Tensor  # (B,): equal for samples of one session
    label: Tensor  # (B,), -1 = absent
    target: dict[str, Features] | None = None  # by the EMA encoder, no gradient
    frozen: dict[str, Features] | None = None  # by the frozen teacher, no gradient
    assignment: Any = None  # of the periodic clustering
    pixels: dict[str, View] | None = None  # only if needs.pixels
    step: int = 0
    progress: float = 0.0  # step / total steps
    generator: torch.Generator | None = None  # seeded by (seed, step, rank)


class Needs(NamedTuple):
    """What an objective asks of the trained module."""

    views: int | None = 2  # how many at least; None = any
    modalities: tuple[str, ...] = ("rgb",)
    frames: bool = False  # Features.frame
    clip: bool = False  # Features.clip
    layers: tuple[str, ...] = ()  # names in Features.maps
    ema_parts: tuple[str, ...] = ()  # own submodules kept as EMA copies; non-empty = context.target is given
    ema: bool = False  # context.target wanted without own parts
    frozen: bool = False
    queue: int = 0
    assign: bool = False
    params: bool = False
    pairs: str = "none"  # none | label | session | folder: how the samples of a batch must be grouped
    label: bool = False
    pixels: bool = False
