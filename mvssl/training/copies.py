"""Copies of videos for the alignment error: augmented anew, then cut and warped, each beside the whole video as it is.

Copies that show the very pictures of their source are found by any backbone, so they say nothing (plain ImageNet features
are off by .000 to .008 s). Here a copy has another crop, other colours, another compression, perhaps a blur and a mirror image:
the views ``compressed``, drawn by seeds of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mvssl import config
from mvssl.embedding import Recipe
from mvssl.encoders import Encoder
from mvssl.evaluation import reuse_rows, warped_frames
from mvssl.evaluation.warp import WARPS, Warp
from mvssl.frames import Frames, VideoFrames
from mvssl.loading import FeatureCache
from mvssl.types import Video
from mvssl.views.recipe import MODALITIES

VIEWS = {"name": "compressed"}
MIN_FRAMES = 10  # of a video that can be cut and warped
NOT_OF_TRAINING = 1_000_003  # added to the seed of the copies' augmentation


def augmented_copies(
    image: Encoder,
    plain: Frames,
    videos: Sequence[Video],
    folder: Path,
    *,
    recipe: Recipe,
    seed: int = 0,
    warps: Sequence[Warp] = WARPS,
    own_augmentation: bool = True,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> Frames:
    """Backbone features of cut and warped copies, and of their sources: a table for ``WarpError``.

    Args:
        image: the backbone alone; it sees single pictures, so a warp of its rows is what it gives for a warped video.
        plain: the sources' features by ``image`` and ``recipe``; videos of fewer than ``MIN_FRAMES`` rows have no copies.
        videos: those of ``plain``.
        folder: of the augmented features, which are kept.
        seed: of all cuts and augmentations.
        own_augmentation: each copy of a video has an augmentation of its own; False: they share one, which takes
            1 / len(warps) of the time.

    Returns:
        Two videos for each source and warp: the copy "ID#WARP" and "ID#WARP#plain", the uncut source. Both are of session
        "ID#WARP", so that a copy is compared with its source alone, and of the source's group, session or itself as group.
    """
    passes = len(warps) if own_augmentation else 1
    cache = FeatureCache(
        folder, image, config.build("mvssl.views", {**VIEWS, "size": recipe.size}, "views"), passes=passes,
        seed=NOT_OF_TRAINING + seed, recipe=recipe, modality=config.build(MODALITIES, recipe.modality, "recipe.modality"),
        about={"copies": VIEWS, "size": recipe.size}, device=device,
    )  # fmt: skip
    sources = [video for video in plain if len(video.frame) >= MIN_FRAMES]
    known = {video.id: video for video in videos}
    cache.fill([known[video.video] for video in sources], progress=progress)
    tables = []
    for video in sources:
        augmented = cache.read(known[video.video])
        for number, warp in enumerate(warps):
            rows = augmented.features[number % passes].astype(np.float32) + augmented.mean
            tables += _beside(video, rows, warp, seed)
    return Frames(tables, plain.metadata)


def can_be_augmented(recipe: Recipe) -> bool:
    """Whether what the encoder is shown is made of pictures, which an augmentation can change."""
    return bool(config.build(MODALITIES, recipe.modality, "recipe.modality").decodes)


def source(session: str) -> str:
    """The video that a session of a copy is about."""
    return session.rpartition("#")[0]


def _beside(video: VideoFrames, augmented: np.ndarray, warp: Warp, seed: int) -> list[VideoFrames]:
    """The copy of one warp, and its source."""
    shown = Frames([video._replace(embedding=augmented, extra={})])
    copy = warped_frames(shown, reuse_rows, seed=seed, warps=(warp,))[0]
    about = {"session": copy.video, "camera": "", "group": video.group or video.session or video.video}
    return [copy._replace(**about), video._replace(video=f"{copy.video}#plain", extra={}, **about)]
