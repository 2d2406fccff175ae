"""The columns of the quality tables: what is measured of a method, given how it turns backbone features into rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mvssl import config
from mvssl.embedding import Recipe, embed_folder
from mvssl.encoders import Encoder
from mvssl.evaluation import (
    FrameRetrieval,
    KendallTau,
    LabelEfficiency,
    PhaseClassification,
    PhaseProgression,
    WarpError,
    reuse_rows,
    warped_frames,
)  # fmt: skip
from mvssl.evaluation._matching import pairs_of_one_take
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments, read_segments
from mvssl.loading import FeatureCache
from mvssl.types import Video
from mvssl.video import scan

Embed = Callable[[Frames], Frames]  # tables of backbone features -> tables of embeddings


class Material(NamedTuple):
    """Backbone features of a data set, computed once: plain, and of cut and warped copies that are augmented anew."""

    frames: Frames  # all videos
    copies: Frames  # validation videos: uncut and plain, and cut or warped and augmented
    cameras: Frames | None  # validation videos of several cameras, each cut by itself
    segments: Segments
    cyclic: set[str]  # videos that are left out of tau and progression: not one cycle of one action


def material(dataset: Path, work: Path, encoder: Encoder, recipe: Recipe, *, seed: int = 1) -> Material:
    """The features by the plain backbone, kept under ``work``."""
    videos = scan(dataset).videos
    frames = embed_folder(encoder, videos, work, recipe=recipe)[0]
    val = Frames([v for v in frames if v.split == "val" and len(v.frame) >= 10], frames.metadata)
    transform = config.build("mvssl.views", {"name": "compressed", "size": recipe.size}, "views")
    cache = FeatureCache(
        work / "copies",
        encoder,
        transform,
        passes=1,
        seed=1000 + seed,
        recipe=recipe,
        modality=config.build("mvssl.views.modalities", "rgb", "rgb"),
        about={"name": "compressed copies"},
    )
    used = [video for video in videos if video.id in val.ids]
    cache.fill(used)
    augmented = val.with_embeddings([_augmented(cache, v, used) for v in val])
    pairs = []  # each version beside its uncut and plain source, which was augmented otherwise
    for version in warped_frames(augmented, reuse_rows, seed=seed):
        source = val[version.video.rpartition("#")[0]]
        if version.video.endswith("#uncut"):
            continue
        uncut = source._replace(video=f"{version.video}#source", extra={"source_time_s": source.time_s[:, None]})
        pairs += [v._replace(session=version.video, camera="") for v in (version, uncut)]
    cameras = None
    if any(True for _ in pairs_of_one_take(val)):
        cut = warped_frames(val, reuse_rows, seed=seed, warps=("none",))
        cameras = Frames([v for v in cut if v.video.endswith("#none")], frames.metadata)
    return Material(
        frames,
        Frames(pairs, frames.metadata),
        cameras,
        read_segments(dataset / "segments.csv"),
        _not_one_cycle(dataset),
    )


def _augmented(cache: FeatureCache, table: VideoFrames, videos: list[Video]) -> np.ndarray:
    passes = cache.read(next(video for video in videos if video.id == table.video))
    return passes.features[0].astype(np.float32) + passes.mean


def _not_one_cycle(dataset: Path) -> set[str]:
    with (dataset / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {r["video"] for r in rows if r.get("num_cycles", "1") != "1" or r.get("action") == "adl"}


def measure(given: Material, embed: Embed, *, clock: bool = False) -> dict[str, Any]:
    """All columns of one row. Precision and map leave out the own video, session and group.

    Args:
        clock: the rows are the time alone: its phases are read by a histogram, which is stronger than a linear probe.
    """
    frames = embed(given.frames)
    train, val = frames.where(split="train"), frames.where(split="val")
    one_cycle = [Frames([v for v in part if v.video not in given.cyclic]) for part in (val, train)]
    read_out = PhaseClassification().evaluate(val, given.segments, train)
    phases = read_out.controls["time only, relative"] if clock else read_out.value
    few = LabelEfficiency(fractions=(0.1,)).evaluate(val, given.segments, train).value
    found = FrameRetrieval().evaluate(val, given.segments, train).value
    warp = WarpError().evaluate(embed(given.copies))
    row = {
        "recall": phases["recall"],
        "accuracy": phases["accuracy"],
        "recall, 10 % of labels": few["recall@10%"],
        "accuracy, 10 %": few["accuracy@10%"],
        "progression": PhaseProgression().evaluate(one_cycle[0], given.segments, one_cycle[1]).value,
        **{name: found[name] for name in ("precision@5", "precision@10", "precision@15", "map@10")},
        "warp nearest_s": warp.value["nearest_s"],
        "warp dtw_s": warp.value["dtw_s"],
    }
    if given.cameras is not None:
        cameras = WarpError().evaluate(embed(given.cameras))
        row |= {"camera median_s": cameras.details["median"]["nearest_s"], "camera mean_s": cameras.value["nearest_s"]}
        row |= {"camera dtw median_s": cameras.details["median"]["dtw_s"]}
    row["tau"] = KendallTau().evaluate(one_cycle[0], given.segments, one_cycle[1]).value
    return {name: float(value) for name, value in row.items()}
