"""What a pretraining run is: the schema of its configuration, and the parts built from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from mvssl import config
from mvssl.config import Section
from mvssl.embedding import Recipe
from mvssl.encoders import FrameEncoder
from mvssl.errors import ConfigError, InputError
from mvssl.labels import read_segments
from mvssl.sampling import BatchPlan, sessions
from mvssl.training.frame_labels import FrameLabels
from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import Optimiser
from mvssl.types import Video


class Data(Section):
    """Which videos. ``split``: only those of this split, where the index states one; ``all`` takes every video.

    ``labels``: a segments table, only for objectives that learn from labels (default: segments.csv beside the videos).
    """

    root: str
    split: str = "train"
    sample: Literal["session", "video"] = "video"
    policy: Literal["error", "skip"] = "error"
    labels: str | None = None


class BatchShape(Section):
    """Global batch, over all processes."""

    size: int = 8
    group_by: Literal["none", "label", "folder", "session"] = "none"
    num_per_group: int = 2


class Train(Section):
    """Length, seed and manners of a run."""

    steps: int = 600
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    num_workers: int = 0
    clip_norm: float = 10.0
    log_every: int = 10
    checkpoint_every: int = 200
    keep_checkpoints: int = 2
    non_finite: Literal["stop", "skip"] = "stop"
    ema_momentum: float = 0.99
    log_with: tuple[str, ...] = ()


class Cache(Section):
    """Backbone features of augmented passes kept on disk; only with ``encoder.freeze: all``.

    ``passes=0``: no cache, pictures are decoded and encoded at every step. ``folder``: default inside the run.
    """

    passes: int = 0
    folder: str | None = None


class Experiment(Section):
    """A whole pretraining run; components are chosen by name and checked against their constructors."""

    data: Data
    sampler: dict[str, Any]
    views: dict[str, Any]
    modalities: dict[str, str] = {}
    encoder: dict[str, Any]
    objective: dict[str, Any]
    batch: BatchShape = BatchShape()
    optimiser: Optimiser = Optimiser()
    train: Train = Train()
    cache: Cache = Cache()
    embed: Recipe = Recipe()

    @classmethod
    def from_values(cls, values: dict[str, Any], where: str) -> Experiment:
        """Checks a whole configuration, components included, and writes their defaults out."""
        found = config.check(cls, values, where)
        whole = {
            part: config.resolved(f"mvssl.{room}", getattr(found, part), f"{where}: {part}")
            for part, room in (
                ("sampler", "sampling"),
                ("views", "views"),
                ("encoder", "encoders"),
                ("objective", "objectives"),
            )
        }
        if found.cache.passes and whole["encoder"].get("freeze") != "all" and whole["encoder"]["name"] != "image":
            raise ConfigError(
                f"{where}: cache.passes: only a frozen backbone's features can be cached, so that "
                "needs a frozen backbone: set encoder.freeze=all, or cache.passes=0"
            )
        return found.model_copy(update=whole)


def select(videos: Sequence[Video], split: str, root: str | Path) -> list[Video]:
    """The videos of a split; an index that states no splits is taken whole.

    Raises:
        InputError: the index states splits, but not this one.
    """
    stated = sorted({video.split for video in videos} - {""})
    if split == "all" or not stated:
        return list(videos)
    chosen = [video for video in videos if video.split == split]
    if not chosen:
        raise InputError(
            f"{root}: no video of split {split!r}; the index states {', '.join(stated)}; or take split=all"
        )
    return chosen


def build_encoder(spec: dict[str, Any], where: str = "encoder") -> FrameEncoder:
    return config.build("mvssl.encoders", spec, where)


def build_module(
    experiment: Experiment, samples: Sequence[tuple[Video, ...]], videos: Sequence[Video]
) -> TrainedModule:
    """Encoders and objective of an experiment over these samples."""
    sampler = config.build("mvssl.sampling", experiment.sampler, "sampler")
    objective = config.build("mvssl.objectives", experiment.objective, "objective")
    names = {view: experiment.modalities.get(view, "rgb") for view in sampler.views}
    modalities = {
        view: (name, config.build("mvssl.views.modalities", name, f"modalities.{view}")) for view, name in names.items()
    }
    unknown = set(experiment.modalities) - set(sampler.views)
    if unknown:
        raise ConfigError(
            f"modalities: no view {', '.join(sorted(unknown))}; the sampler gives {', '.join(sampler.views)}"
        )
    takes = {name: i for i, name in enumerate(dict.fromkeys(_take(sample[0]) for sample in samples))}
    return TrainedModule(
        {"all": build_encoder(experiment.encoder)},
        modalities,
        objective,
        num_samples=len(samples),
        session_of=[takes[_take(sample[0])] for sample in samples],
        duration_s=[video.duration_s for video in videos],
        offset_s=[video.offset_s for video in videos],
        frame_labels=_frame_labels(experiment, videos) if objective.needs.label and objective.needs.frames else None,
        ema_momentum=experiment.train.ema_momentum,
    )


def _frame_labels(experiment: Experiment, videos: Sequence[Video]) -> FrameLabels:
    path = Path(experiment.data.labels) if experiment.data.labels else Path(experiment.data.root) / "segments.csv"
    return FrameLabels(read_segments(path), videos)


def _take(video: Video) -> str:
    return video.session or video.id


def build_plan(experiment: Experiment, samples: Sequence[tuple[Video, ...]]) -> BatchPlan:
    shape = experiment.batch
    return BatchPlan(
        samples, batch_size=min(shape.size, len(samples)) if shape.group_by == "none" else shape.size,
        seed=experiment.train.seed, group_by=shape.group_by, num_per_group=shape.num_per_group,
    )  # fmt: skip


__all__ = [
    "BatchShape",
    "Cache",
    "Data",
    "Experiment",
    "Train",
    "build_encoder",
    "build_module",
    "build_plan",
    "select",
    "sessions",
]
