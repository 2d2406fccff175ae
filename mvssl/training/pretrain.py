"""From a configuration and a folder of videos to a trained model: the whole of ``mvssl pretrain`` in one reading."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from mvssl import config, files
from mvssl.distributed import is_sharded, whole_on_main
from mvssl.embedding import Model
from mvssl.embedding.model import FOLDER, save_models
from mvssl.errors import ConfigError, InputError
from mvssl.sampling import sessions
from mvssl.training import trained_on
from mvssl.training.backbone import set_up_backbones
from mvssl.training.batches import make_batches
from mvssl.training.checkpoint import writing
from mvssl.training.experiment import Data, Experiment, build_module, build_plan, select
from mvssl.training.find_batch import with_found_batch
from mvssl.training.loop import train
from mvssl.training.micro_batches import check
from mvssl.training.module import TrainedModule
from mvssl.training.run_lock import run_lock
from mvssl.training.validation import Validation, few
from mvssl.types import Video
from mvssl.video import Problem, read_labels, scan


def pretrain(
    values: dict[str, Any], run: str | Path, *, where: str = "configuration", progress: bool = True,
    find_batch_size: bool = False,
) -> Path:  # fmt: skip
    """Trains an encoder; an interrupted run goes on where it stopped.

    Args:
        values: the configuration (see ``Experiment``).
        run: folder of the run. Afterwards it holds ``config.yaml``, ``metrics.jsonl``, ``checkpoints/`` and ``model/``.
        where: where the values came from, for messages.
        find_batch_size: take the largest batch that a step has memory for; a run that goes on keeps the one it found.

    Returns:
        The run's folder.

    Raises:
        ConfigError, InputError, VideoError: before anything is trained, where a key, the videos or the weights are wrong.
    """
    experiment = Experiment.from_values(values, where)
    run = Path(run)
    everything, problems = _usable(experiment.data)
    videos = select(everything, experiment.data.split, experiment.data.root)
    _check_movement(videos)
    samples = sessions(videos, by=experiment.data.sample)
    # accelerate makes one world of processes on CPUs only where it is told that they are what there is
    process = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available())
    torch.manual_seed(experiment.train.seed)
    module = build_module(experiment, samples, videos)
    set_up_backbones(module, experiment.train)
    _check_pairs(experiment, module.objective.needs.pairs)
    if find_batch_size and (run / "config.yaml").exists():
        experiment, find_batch_size = _with_batch_of(run, experiment), False
    check(module, build_plan(experiment, samples), experiment.train.accumulate, process.num_processes)
    with run_lock(run) if process.is_main_process else nullcontext():  # from here on, the folder is written into
        reads_labels = module.frame_labels is not None or experiment.train.evaluate_every > 0
        with process.main_process_first():
            _check_same(run, experiment)
            data = trained_on.check(
                run, trained_on.fingerprint_of(videos, experiment.data.labels_table if reads_labels else None),
                accept=experiment.data.changed == "accept", write=process.is_main_process,
            )  # fmt: skip
            if process.is_main_process:
                with writing(run / "config.yaml"):
                    config.dump(experiment.model_dump(mode="json"), run / "config.yaml")
        if experiment.batch.group_by == "none" and len(samples) < experiment.batch.size:
            process.print(f"batch.size {experiment.batch.size} lowered to {len(samples)}: there are no more samples")
        if problems and process.is_main_process:
            files.write_text(run / "set_aside.txt", "".join(f"{problem.message}\n" for problem in problems))
            print(f"{len(problems)} videos set aside, see {run / 'set_aside.txt'}")
        make = partial(make_batches, samples=samples, videos=videos, run=run, process=process, progress=progress)
        if find_batch_size:
            experiment = with_found_batch(experiment, module, make, num_samples=len(samples), process=process)
            if process.is_main_process:
                config.dump(experiment.model_dump(mode="json"), run / "config.yaml")
        batches, bad_files = make(experiment, module)
        num_threads = torch.get_num_threads()
        if experiment.cache.passes and process.device.type == "cpu":
            torch.set_num_threads(
                1
            )  # small tensors: a second thread saves a fifth on an idle machine, and stalls on a busy one
        try:
            last = train(
                experiment, module, batches, run, progress=progress, unreadable=bad_files.summary,
                data={"samples": str(len(samples)), "data": data},
                evaluate=_validation(experiment, module, videos, everything, run, process),
            )  # fmt: skip
        finally:
            torch.set_num_threads(num_threads)
        weights = whole_on_main(module.state_dict()) if is_sharded(module) else None
        if process.is_main_process:
            if weights is not None:
                module = build_module(experiment, samples, videos)
                module.load_state_dict(weights)
            counts = {"videos": len(videos), "samples": len(samples), "set_aside": len(problems)}
            summary = {**counts, "unreadable": bad_files.summary(), "batch": experiment.batch.size, "last": last}
            with writing(run / "summary.json"):
                files.write_text(run / "summary.json", json.dumps(summary, indent=1))
            save_models(_models(experiment, module), run / FOLDER)  # its card states what the summary counts
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


def _check_movement(videos: list[Video]) -> None:
    """Videos of one frame have no time to learn from: refused where there are no others, else said."""
    still = [video.id for video in videos if video.num_frames == 1]
    if still and len(still) == len(videos):
        raise InputError(
            f"nothing moves in {still[0]}: each of the {len(still)} videos has one frame; there is nothing to learn"
        )
    if still:
        print(f"{len(still)} of {len(videos)} videos have one frame, e.g. {still[0]}: nothing moves in them")


def _usable(data: Data) -> tuple[list[Video], list[Problem]]:
    """The readable videos, and the unreadable ones that the policy sets aside."""
    report = scan(data.root)
    problems = [problem for problem in report.problems if problem.fatal]
    if problems and (data.policy == "error" or not report.videos):
        raise InputError(f"{problems[0].message} ({len(problems)} such videos; data.policy=skip sets them aside)")
    return list(report.videos), problems


def _with_batch_of(run: Path, experiment: Experiment) -> Experiment:
    size = config.load(run / "config.yaml")["batch"]["size"]
    print(f"batch.size {size}, as found when {run} was begun")
    return experiment.model_copy(update={"batch": experiment.batch.model_copy(update={"size": size})})


def _validation(
    experiment: Experiment, module: TrainedModule, videos: list[Video], everything: list[Video], run: Path,
    process: PartialState,
) -> Validation | None:  # fmt: skip
    settings = experiment.train
    if not settings.evaluate_every:
        return None
    trained_on = {video.id for video in videos}
    held_out = [v for v in everything if v.id not in trained_on and v.split in ("val", "")]
    if len(held_out) < 2:
        raise ConfigError(
            "train.evaluate_every: needs two videos or more of split val that are not trained on; state splits in the index "
            "(videos.csv), or set it to 0"
        )
    table = experiment.data.labels_table
    view, plan = next(iter(experiment.plans().items()))
    encoder = module.encoder_of(view)
    if not encoder.sees_single_pictures:
        raise ConfigError(
            f"train.evaluate_every: only for encoders of single pictures, not for {experiment.encoder['name']}; set it to 0"
        )
    return Validation(
        encoder, experiment.embed.showing(plan.spec), few(videos, settings.evaluate_videos),
        few(held_out, settings.evaluate_videos), read_labels(table, everything) if table.is_file() else None, run,
        save=lambda folder: save_models(_models(experiment, module), folder), device=process.device,
    )  # fmt: skip


def _check_same(run: Path, experiment: Experiment) -> None:
    """A run goes on only with the configuration it began with (its length may change)."""
    path = run / "config.yaml"
    now = experiment.model_dump(mode="json")
    if path.exists():
        before = Experiment.from_values(config.load(path), str(path)).model_dump(mode="json")
        may = {"steps", "changed"}  # length and consent
        if (run / trained_on.FILE).exists():  # states the data itself, wherever it lies
            may |= {"root", "labels"}
        changed = [key for key in now if _without(now[key], may) != _without(before[key], may)]
        if changed:
            raise InputError(
                f"{run}: was begun with other values under {', '.join(changed)} (see {path}); "
                "choose another folder, or give those"
            )


def _without(value: Any, keys: set[str]) -> Any:
    return {k: v for k, v in value.items() if k not in keys} if isinstance(value, dict) else value
