"""From a configuration and a folder of videos to a trained model: the whole of ``mvssl pretrain`` in one reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from mvssl import config
from mvssl.dataset import ClipDataset, make_loader
from mvssl.embedding import Model
from mvssl.embedding.model import FOLDER, save_models
from mvssl.errors import ConfigError, InputError
from mvssl.sampling import sessions
from mvssl.training.backbone import set_up_backbones
from mvssl.training.experiment import Data, Experiment, build_module, build_plan, select
from mvssl.training.feature_cache import CachedBatches, FeatureCache
from mvssl.training.loop import Batches, train
from mvssl.training.module import TrainedModule
from mvssl.types import Video
from mvssl.video import Problem, scan


def pretrain(values: dict[str, Any], run: str | Path, *, where: str = "configuration", progress: bool = True) -> Path:
    """Trains an encoder; an interrupted run goes on where it stopped.

    Args:
        values: the configuration (see ``Experiment``).
        run: folder of the run. Afterwards it holds ``config.yaml``, ``metrics.jsonl``, ``checkpoints/`` and ``model/``.
        where: where the values came from, for messages.

    Returns:
        The run's folder.

    Raises:
        ConfigError, InputError, VideoError: before anything is trained, where a key, the videos or the weights are wrong.
    """
    experiment = Experiment.from_values(values, where)
    run = Path(run)
    videos, problems = _usable(experiment.data)
    samples = sessions(videos, by=experiment.data.sample)
    process = PartialState()
    torch.manual_seed(experiment.train.seed)
    module = build_module(experiment, samples, videos)
    set_up_backbones(module, experiment.train)
    _check_pairs(experiment, module.objective.needs.pairs)
    run.mkdir(parents=True, exist_ok=True)
    _check_same(run, experiment)
    if problems:
        (run / "set_aside.txt").write_text("".join(f"{problem.message}\n" for problem in problems))
        print(f"{len(problems)} videos set aside, see {run / 'set_aside.txt'}")
    batches = _batches(experiment, module, samples, videos, run, process, progress=progress)
    num_threads = torch.get_num_threads()
    if experiment.cache.passes and process.device.type == "cpu":
        torch.set_num_threads(
            1
        )  # small tensors: a second thread saves a fifth on an idle machine, and stalls on a busy one
    try:
        last = train(experiment, module, batches, run, progress=progress)
    finally:
        torch.set_num_threads(num_threads)
    if process.is_main_process:
        save_models(_models(experiment, module), run / FOLDER)
        (run / "summary.json").write_text(
            json.dumps(
                {"videos": len(videos), "samples": len(samples), "set_aside": len(problems), "last": last}, indent=1
            )
        )
    process.wait_for_everyone()
    return run


def _models(experiment: Experiment, module: TrainedModule) -> dict[str, Model]:
    """A model for every encoder and modality: named by the modality, or by the view with ``encoder.share: none``."""
    models: dict[str, Model] = {}
    for view, plan in experiment.plans().items():
        name = plan.encoder if experiment.encoder["share"] == "none" else str(plan.spec["name"])
        if name not in models:
            recipe = experiment.embed.showing(plan.spec)
            models[name] = Model.of(experiment.encoder_for(plan), module.encoder_of(view), recipe)
    return models


def _check_pairs(experiment: Experiment, pairs: str) -> None:
    """An objective that pairs videos needs batches that hold pairs."""
    if pairs not in ("none", experiment.batch.group_by):
        raise ConfigError(
            f"batch.group_by: objective {experiment.objective['name']} pairs videos by {pairs}, but batches are grouped by "
            f"{experiment.batch.group_by}; set batch.group_by={pairs} and batch.num_per_group=2 or more"
        )


def _usable(data: Data) -> tuple[list[Video], list[Problem]]:
    """The readable videos of the split, and the unreadable ones that the policy sets aside."""
    report = scan(data.root)
    problems = [problem for problem in report.problems if problem.fatal]
    if problems and (data.policy == "error" or not report.videos):
        raise InputError(f"{problems[0].message} ({len(problems)} such videos; data.policy=skip sets them aside)")
    return select(report.videos, data.split, data.root), problems


def _check_same(run: Path, experiment: Experiment) -> None:
    """A run goes on only with the configuration it began with (its length may change)."""
    path = run / "config.yaml"
    now = experiment.model_dump(mode="json")
    if path.exists():
        before = Experiment.from_values(config.load(path), str(path)).model_dump(mode="json")
        changed = [key for key in now if _without_length(now[key]) != _without_length(before[key])]
        if changed:
            raise InputError(
                f"{run}: was begun with other values under {', '.join(changed)} (see {path}); "
                "choose another folder, or give those"
            )
    config.dump(now, path)


def _without_length(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "steps"} if isinstance(value, dict) else value


def _batches(
    experiment: Experiment, module: TrainedModule, samples: list[tuple[Video, ...]], videos: list[Video], run: Path,
    process: PartialState, *, progress: bool,
) -> Batches:  # fmt: skip
    """Pictures decoded at every step, or, with ``cache.passes``, backbone features computed once."""
    sampler = config.build("mvssl.sampling", experiment.sampler, "sampler")
    transform = config.build("mvssl.views", experiment.views, "views")
    plan = build_plan(experiment, samples)
    names = sorted({video.label for video in videos} - {""})
    if experiment.cache.passes == 0:
        plans = experiment.plans()
        dataset = ClipDataset(
            samples, sampler=sampler, transform=transform, policy=experiment.data.policy,
            modalities={view: plan.modality for view, plan in plans.items()},
            of={view: plan.of for view, plan in plans.items()},
        )  # fmt: skip

        def from_pictures(start_step: int, rank: int, world_size: int):
            workers = experiment.train.num_workers
            return iter(
                make_loader(dataset, plan, rank=rank, world_size=world_size, num_workers=workers, start_step=start_step)
            )

        return from_pictures
    folder = Path(experiment.cache.folder) if experiment.cache.folder else run / "cache"
    caches = {}
    for view, shown in experiment.plans().items():
        caches[view] = FeatureCache(
            folder, module.encoder_of(view), transform, passes=experiment.cache.passes, seed=experiment.train.seed,
            recipe=experiment.embed.showing(shown.spec), modality=shown.modality, about=experiment.views,
            device=process.device,
        )  # fmt: skip
        with process.main_process_first():
            caches[view].fill(videos, progress=progress)
    of = {view: shown.of for view, shown in experiment.plans().items()}
    labels = [names.index(sample[0].label) if sample[0].label else -1 for sample in samples]
    return CachedBatches(caches, videos, samples, sampler, plan, labels, of=of)
