"""What an adaptation is measured on: backbone features of the videos, and of copies cut, warped and augmented afresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl.embedding import embed_folder
from mvssl.encoders import BackboneEncoder, Encoder
from mvssl.errors import InputError
from mvssl.evaluation import Result, WarpError, time_only
from mvssl.evaluation._checks import groups
from mvssl.evaluation._result import mean_defined
from mvssl.evaluation.cycle_consistency import CycleConsistency
from mvssl.frames import Frames
from mvssl.statistics import ERROR, interval_of_mean
from mvssl.training import Experiment
from mvssl.training.copies import MIN_FRAMES, augmented_copies, source
from mvssl.types import Video

MEASURES = ("warp nearest_s", "warp dtw_s", "cycle_s")
Embed = Callable[[Frames], Frames]  # tables of backbone features -> tables of embeddings


class Material(NamedTuple):
    """Features of one backbone, each computed once."""

    plain: Frames
    copies: Frames  # sessions "ID#pause", ...: the plain video and one copy of it (``augmented_copies``)
    widths: tuple[int, ...]  # of the backbone's maps

    def of(self, ids: Sequence[str]) -> Material:
        """The part of these videos."""
        plain = [video for video in self.plain if video.video in ids]
        copies = [video for video in self.copies if source(video.session) in ids]
        return self._replace(plain=Frames(plain, self.plain.metadata), copies=Frames(copies, self.copies.metadata))

    def unit(self, frames: Frames, *, centred: bool = False) -> Frames:
        """Backbone features as the embeddings are scaled: each map of unit length, centred if asked for, rows of unit length."""
        frames = frames.unit(self.widths)
        return (frames.centred() if centred else frames).unit()


def make_material(
    encoder: Encoder, experiment: Experiment, videos: Sequence[Video], folder: Path, *, seed: int, progress: bool
) -> Material:
    """Embeds the videos and their copies by the backbone of ``encoder``, as the recipe shows them to it.

    Each copy has an augmentation of its own, drawn by another seed than training's, and its own cut.
    """
    recipe = experiment.embed.showing(rgb_plan(experiment).spec)
    image = BackboneEncoder(encoder.backbone, chunk=encoder.chunk)
    plain = embed_folder(image, videos, folder / "frames", recipe=recipe, progress=progress)[0]
    for video in plain:
        if len(video.frame) < MIN_FRAMES:
            raise InputError(
                f"{video.video}: too short to be cut: {len(video.frame)} frames, at least {MIN_FRAMES} are needed; leave it out"
            )
    copies = augmented_copies(image, plain, videos, folder / "copies", recipe=recipe, seed=seed, progress=progress)
    return Material(plain, copies, encoder.backbone.map_dims)


def rgb_plan(experiment: Experiment):
    """The first view that shows rgb: its encoder is the one that is adapted, measured and loaded."""
    plans = list(experiment.plans().values())
    return next((plan for plan in plans if plan.spec["name"] == "rgb"), plans[0])


def zero_shot_rows(own: Material, default: Material) -> dict[str, tuple[Material, Embed]]:
    """The rows that learn nothing, scaled as the trained ones.

    Args:
        own: features of the recipe's maps of the backbone.
        default: of the maps that ``align`` and ``search`` use without a run; it may be the same.
    """
    rows: dict[str, tuple[Material, Embed]] = {
        "time only": (own, time_only),
        "zero-shot, not centred": (default, default.unit),
        "zero-shot": (default, partial(default.unit, centred=True)),
    }
    if own is not default:
        rows["zero-shot, recipe's maps"] = (own, partial(own.unit, centred=True))
    return rows


def measure(parts: Sequence[tuple[Material, Embed]]) -> Result:
    """The three errors in seconds of every video; the parts (halves) are compared within themselves.

    Returns:
        value and per_video by ``MEASURES``: warp errors are means over a video's copies, in both directions; cycle
        consistency is NaN for a video without another of its action.
    """
    errors_of: dict[str, dict[str, float]] = {}
    for material, embed in parts:
        copies = embed(material.copies)
        warp = WarpError().evaluate(copies).per_video
        about = [source(video.session) for video in copies]
        plain = embed(material.plain)
        cycle = _cycle(plain)
        for i, name in enumerate(plain.ids):
            own = [row for row, of in enumerate(about) if of == name]
            errors = [mean_defined(warp[method][own]) for method in ("nearest_s", "dtw_s")]
            errors_of[name] = dict(zip(MEASURES, [*errors, float(cycle[i])]))
    names = sorted(errors_of)
    per_video = {measure: np.array([errors_of[name][measure] for name in names]) for measure in MEASURES}
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
