"""What a pretraining run is: the schema of its configuration, and the parts built from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from mvssl import config
from mvssl.config import Section
from mvssl.embedding import Recipe
from mvssl.encoders import Encoder
from mvssl.errors import ConfigError, InputError
from mvssl.labels import labels_beside
from mvssl.sampling import BatchPlan, sessions
from mvssl.training import modalities as views_of
from mvssl.training.frame_labels import LabelLookup
from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import Optimiser
from mvssl.types import Video
from mvssl.video import read_labels


class Data(Section):
    """Which videos. ``split``: only those of this split, where the index states one; ``all`` takes every video.

    ``labels``: a segments table, only for objectives that learn from labels (default: segments.csv beside the videos).
    ``changed``: what a run does that was begun with other videos (``trained_on.py``): stop, or go on with what there is now.
    """

    root: str
    split: str = "train"
    sample: Literal["session", "video"] = "video"
    policy: Literal["error", "skip"] = "error"
    labels: str | None = None
    changed: Literal["error", "accept"] = "error"

    @property
    def labels_table(self) -> Path:
        return Path(self.labels) if self.labels else labels_beside(self.root)


class BatchShape(Section):
    """Global batch, over all processes."""

    size: int = 8
    group_by: Literal["none", "label", "folder", "session"] = "none"
    num_per_group: int = 2


class Train(Section):
    """Length, seed and manners of a run.

    ``chunk``: samples that the backbone sees at once, for large batches on small memory (``grad_cache.py``); 0 = all.
    ``accumulate``: parts (micro-batches) that a step's batch is cut into, one after the other, with one optimiser step for
    all. Their loss is the mean of the parts' losses: that of the whole batch only where samples do not meet in it. Where
    they do (negatives, batch norms), each part is a small batch of its own; ``chunk`` keeps the whole batch's loss.
    ``backbone_norm``: batch norms of a trained backbone use the statistics of the batch, those of their weights
    (``frozen``), or those of a chunk (``ghost``). ``activation_checkpointing``: the backbone's activations are computed
    again in the backward pass instead of kept. ``evaluate_every``: steps between evaluations on ``evaluate_videos`` of the
    videos that are not trained on (split ``val``); 0 = none.
    """

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
    chunk: int = Field(default=0, ge=0)
    accumulate: int = Field(default=1, ge=1)
    backbone_norm: Literal["batch", "frozen", "ghost"] = "batch"
    activation_checkpointing: bool = False
    evaluate_every: int = Field(default=0, ge=0)
    evaluate_videos: int = Field(default=8, ge=2)


class Cache(Section):
    """Backbone features of augmented passes kept on disk; only with ``encoder.freeze: all``.

    ``passes=0``: no cache, pictures are decoded and encoded at every step. ``folder``: default inside the run.
    """

    passes: int = 0
    folder: str | None = None


class Experiment(Section):
    """A whole pretraining run; components are chosen by name and checked against their constructors.

    ``modalities``: what each view shows (``training/modalities.py``). ``encoder.share``: ``all`` one encoder for every
    view, ``modality`` one for each modality, ``none`` one for each view; the channels follow from the modality.
    """

    data: Data
    sampler: dict[str, Any]
    views: dict[str, Any]
    modalities: dict[str, str | dict[str, Any]] = {}
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
        share, encoder = _share(found.encoder, where)
        found = found.model_copy(update={"encoder": encoder})
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
        if found.train.chunk and found.train.accumulate > 1:
            raise ConfigError(
                f"{where}: train.accumulate: not together with train.chunk, which gives the gradient of the whole batch in "
                "the memory of a chunk; set train.accumulate=1, and a smaller train.chunk where memory is short"
            )
        whole["encoder"] = {"name": whole["encoder"].pop("name"), "share": share, **whole["encoder"]}
        sampler = config.build("mvssl.sampling", whole["sampler"], f"{where}: sampler")
        whole["modalities"] = views_of.resolved(found.modalities, sampler.views, where)
        checked = found.model_copy(update=whole)
        for view, plan in checked.plans(where).items():
            if found.cache.passes and not plan.modality.decodes:
                raise ConfigError(
                    f"{where}: modalities.{view}: {plan.spec['name']} is not made of frames, so its features cannot be cached; "
                    "set cache.passes=0"
                )
        if found.embed.modality != Recipe().modality:
            raise ConfigError(
                f"{where}: embed.modality: follows from the views; choose one with `mvssl embed --modality`"
            )
        return checked

    def plans(self, where: str = "configuration") -> dict[str, views_of.ViewPlan]:
        """Every view of the batch, in order; of a checked configuration."""
        return views_of.planned(self.modalities, self.encoder["share"], where)  # type: ignore[arg-type]

    def encoder_for(self, plan: views_of.ViewPlan) -> dict[str, Any]:
        """Specification of the encoder that sees a view."""
        spec = {key: value for key, value in self.encoder.items() if key != "share"}
        return {**spec, "in_channels": plan.modality.channels}


def _share(encoder: dict[str, Any], where: str) -> tuple[views_of.Share, dict[str, Any]]:
    share = encoder.get("share", "all")
    if share not in get_args(views_of.Share):
        raise ConfigError(f"{where}: encoder.share: must be all, modality or none, got {share!r}")
    return share, {key: value for key, value in encoder.items() if key != "share"}


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


def build_module(
    experiment: Experiment, samples: Sequence[tuple[Video, ...]], videos: Sequence[Video]
) -> TrainedModule:
    """Encoders and objective of an experiment over these samples."""
    objective = config.build("mvssl.objectives", experiment.objective, "objective")
    plans = experiment.plans()
    encoders: dict[str, Encoder] = {}
    for plan in plans.values():
        if plan.encoder not in encoders:
            encoders[plan.encoder] = config.build("mvssl.encoders", experiment.encoder_for(plan), "encoder")
    session_numbers = {name: i for i, name in enumerate(dict.fromkeys(_session_of(sample[0]) for sample in samples))}
    return TrainedModule(
        encoders,
        {view: (plan.encoder, plan.modality) for view, plan in plans.items()},
        objective,
        num_samples=len(samples),
        session_of=[session_numbers[_session_of(sample[0])] for sample in samples],
        duration_s=[video.duration_s for video in videos],
        offset_s=[video.offset_s for video in videos],
        frame_labels=_frame_labels(experiment, videos) if objective.needs.label and objective.needs.frames else None,
        transform=config.build("mvssl.views", experiment.views, "views"),
        ema_momentum=experiment.train.ema_momentum,
    )


def _frame_labels(experiment: Experiment, videos: Sequence[Video]) -> LabelLookup:
    return LabelLookup(read_labels(experiment.data.labels_table, videos), videos)


def _session_of(video: Video) -> str:
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
    "build_module",
    "build_plan",
    "select",
    "sessions",
]
