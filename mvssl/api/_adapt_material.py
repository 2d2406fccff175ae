"""What an adaptation is measured on: backbone features of the videos, and of copies cut, warped and augmented afresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import config
from mvssl.embedding import Frames, embed_folder
from mvssl.encoders import FrameEncoder, Image
from mvssl.evaluation import Result, WarpError, reuse_rows, time_only, warped_frames
from mvssl.evaluation._checks import groups
from mvssl.evaluation._result import mean_defined
from mvssl.evaluation.cycle_consistency import CycleConsistency
from mvssl.evaluation.warp import WARPS
from mvssl.statistics import ERROR, interval_of_mean
from mvssl.training import Experiment
from mvssl.training.feature_cache import FeatureCache
from mvssl.types import Video

MEASURES = ("warp nearest_s", "warp dtw_s", "cycle_s")
Embed = Callable[[Frames], Frames]  # tables of backbone features -> tables of embeddings
NOT_OF_TRAINING = 1_000_003  # added to the seed of the copies' augmentation


class Material(NamedTuple):
    """Features of one backbone, each computed once."""

    plain: Frames
    copies: Frames  # sessions "ID#pause", ...: the plain video and one copy of it

    def of(self, ids: Sequence[str]) -> Material:
        """The part of these videos."""
        plain = [video for video in self.plain if video.video in ids]
        copies = [video for video in self.copies if source(video.session) in ids]
        return Material(Frames(plain, self.plain.metadata), Frames(copies, self.copies.metadata))


def source(session: str) -> str:
    """The video that a session of a copy is about."""
    return session.rpartition("#")[0]


def make_material(
    encoder: FrameEncoder, experiment: Experiment, videos: Sequence[Video], folder: Path, *, seed: int, progress: bool
) -> Material:
    """Embeds the videos and their copies by the backbone of ``encoder``, as the recipe shows them to it.

    Each copy has an augmentation of its own, drawn by another seed than training's, and its own cut.
    """
    plan = rgb_plan(experiment)
    recipe = experiment.embed.showing(plan.spec)
    image = Image.of(encoder.trunk, chunk=encoder.chunk)
    plain = embed_folder(image, videos, folder / "frames", recipe=recipe, progress=progress)[0]
    transform = config.build("mvssl.views", experiment.views, "views")
    cache = FeatureCache(
        folder / "copies", image, transform, passes=len(WARPS), seed=NOT_OF_TRAINING + seed, recipe=recipe,
        modality=plan.modality, about=experiment.views,
    )  # fmt: skip
    cache.fill(videos, progress=progress)
    rows = {video.id: video for video in videos}
    tables = []
    for video in plain:
        passes = cache.read(rows[video.video])
        for augmented, warp in zip(passes.features, WARPS, strict=True):
            shown = video._replace(embedding=augmented.astype(np.float32) + passes.mean)
            copy = warped_frames(Frames([shown], plain.metadata), reuse_rows, seed=seed, warps=(warp,))[0]
            session = f"{video.video}#{warp}"
            tables.append(copy._replace(session=session, camera=""))
            tables.append(video._replace(video=f"{session}#plain", session=session, camera=""))
    return Material(plain, Frames(tables, plain.metadata))


def rgb_plan(experiment: Experiment):
    """The first view that shows rgb: its encoder is the one that is adapted, measured and loaded."""
    plans = list(experiment.plans().values())
    return next((plan for plan in plans if plan.spec["name"] == "rgb"), plans[0])


def zero_shot_rows(own: Material, last: Material) -> dict[str, tuple[Material, Embed]]:
    """The rows that learn nothing. ``own``: features of the recipe's map; ``last``: of the backbone's last one."""

    def plainly(frames: Frames) -> Frames:
        return frames

    rows: dict[str, tuple[Material, Embed]] = {
        "time only": (own, time_only),
        "zero-shot": (last, plainly),
        "zero-shot, centred": (last, Frames.centred),
    }
    if own is not last:
        rows["zero-shot, recipe's map, centred"] = (own, Frames.centred)
    return rows


def measure(parts: Sequence[tuple[Material, Embed]]) -> Result:
    """The three errors in seconds of every video; the parts (halves) are compared within themselves.

    Returns:
        value and per_video by ``MEASURES``: warp errors are means over a video's copies, in both directions; cycle
        consistency is NaN for a video without another of its action.
    """
    found: dict[str, dict[str, float]] = {}
    for material, embed in parts:
        copies = embed(material.copies)
        warp = WarpError().evaluate(copies).per_video
        about = [source(video.session) for video in copies]
        plain = embed(material.plain)
        cycle = _cycle(plain)
        for i, name in enumerate(plain.ids):
            own = [row for row, of in enumerate(about) if of == name]
            errors = [mean_defined(warp[method][own]) for method in ("nearest_s", "dtw_s")]
            found[name] = dict(zip(MEASURES, [*errors, float(cycle[i])]))
    names = sorted(found)
    per_video = {measure: np.array([found[name][measure] for name in names]) for measure in MEASURES}
    of = {video.video: unit for material, _ in parts for video, unit in zip(material.plain, groups(material.plain))}
    units = tuple(of[name] for name in names)
    return Result(
        value={measure: mean_defined(values) for measure, values in per_video.items()},
        per_video=per_video,
        interval={measure: interval_of_mean(v, units=units, bounds=ERROR) for measure, v in per_video.items()},
        videos=tuple(names),
        units=units,
    )


def _cycle(plain: Frames) -> np.ndarray:
    labels = [video.label for video in plain]
    if all(labels.count(label) == 1 for label in labels):
        return np.full(len(plain), np.nan)
    return CycleConsistency().evaluate(plain).per_video["error_s"]


def folds(videos: Sequence[Video]) -> list[tuple[list[Video], list[Video]]]:
    """Two (held out, trained on), groups and sessions kept whole; none where a half would have fewer than two videos."""
    groups: dict[str, list[Video]] = {}
    for video in videos:
        groups.setdefault(video.group or video.session or video.id, []).append(video)
    halves: tuple[list[Video], list[Video]] = ([], [])
    for name in sorted(groups, key=lambda name: (-len(groups[name]), name)):
        min(halves, key=len).extend(groups[name])
    first, second = halves
    return [(first, second), (second, first)] if min(len(first), len(second)) >= 2 else []
