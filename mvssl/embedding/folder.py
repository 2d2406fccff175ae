"""Many videos to a folder of tables: finished ones, and finished windows of long ones, are left alone, so an interrupted
run goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mvssl.embedding.finished_windows import FinishedWindows
from mvssl.embedding.video import embed_video
from mvssl.encoders import Encoder, fingerprint
from mvssl.errors import InputError, VideoError
from mvssl.frames import DamagedTable, Frames, VideoFrames, file_name, read_video_frames, write_frames
from mvssl.parallel import each
from mvssl.types import Video
from mvssl.views.recipe import Recipe


def describe(encoder: Encoder, recipe: Recipe, *, normalise: bool) -> dict[str, Any]:
    """Metadata of every table that this encoder and recipe make; ``model`` is equal exactly for equal results."""
    weights = fingerprint(encoder)
    return {
        "backbone": fingerprint(encoder.backbone),
        "model": f"{weights}-{recipe.key}-{'unit' if normalise else 'raw'}",
        "fps": recipe.fps,
        "views": [recipe.modality["name"]],
        "pixels": recipe.about(),
        "position": encoder.position,
        "normalised": normalise,
        "centred": bool(getattr(encoder, "centre", False)),
    }


def embed_folder(
    encoder: Encoder,
    videos: Sequence[Video],
    folder: str | Path,
    *,
    recipe: Recipe,
    device: torch.device | str = "cpu",
    normalise: bool = False,
    shard: tuple[int, int] = (0, 1),
    layers: tuple[str, ...] = (),
    policy: str = "error",
    progress: bool = True,
    warp: Callable[[Video, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    made_by: str = "",
) -> tuple[Frames, list[VideoError]]:
    """Embeds ``videos[shard[0]::shard[1]]`` into ``folder``; a video whose table exists for this very model is skipped, one
    whose table is cut or damaged is embedded again, said aloud.

    Args:
        policy: ``error`` stops at the first bad video; ``skip`` sets it aside.
        warp: a cut or warped copy of each video in its place: ``warp(video, frame times)`` as in ``embed_video``.
        made_by: added to the tables' ``model``: names the warp, so that tables of different warps are not mixed.

    Returns:
        The tables of all videos asked for, and the errors of those that were set aside.

    Raises:
        InputError: the folder holds tables of another model, or no video is left.
    """
    folder = Path(folder)
    metadata = describe(encoder, recipe, normalise=normalise)
    if made_by:
        metadata["model"] += f"-{made_by}"
    done: list[VideoFrames] = []
    bad: list[VideoError] = []
    mine = videos[shard[0] :: shard[1]]
    missing = []
    for video in mine:
        path = folder / file_name(video.id)
        if not path.exists():
            missing.append(video)
            continue
        try:
            table, stored = read_video_frames(path)
        except DamagedTable as error:
            print(f"{error}: done now")
            missing.append(video)
            continue
        if stored.get("model") != metadata["model"]:
            raise InputError(
                f"{path}: made by model {stored.get('model')}, not {metadata['model']}; embed into a new folder"
            )
        done.append(table)

    def parts_of(video: Video) -> FinishedWindows:
        return FinishedWindows(folder / f"{file_name(video.id)}.{metadata['model']}.parts")

    def work(video: Video) -> VideoFrames:
        planned = None if warp is None else partial(warp, video)
        return embed_video(
            encoder, video, recipe=recipe, device=device, layers=layers, warp=planned, normalise=normalise,
            parts=parts_of(video), progress=progress,
        )  # fmt: skip

    for video, found in each(work, missing, device=device, name="embed", progress=progress):
        if isinstance(found, VideoError) and policy == "skip":
            bad.append(found)
        elif isinstance(found, Exception):
            raise found
        else:
            write_frames(folder, found, metadata)
            parts_of(video).remove()
            done.append(found)
    if not done:
        raise InputError(
            f"{folder}: none of {len(mine)} videos could be embedded" + (f"; first: {bad[0]}" if bad else "")
        )
    return Frames(done, metadata), bad
