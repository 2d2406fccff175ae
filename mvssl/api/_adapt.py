"""A few minutes of self-training on a user's own videos, and whether that was worth it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mvssl import config, files
from mvssl.api._adapt_material import Embed, Material, folds, make_material, measure, rgb_plan, zero_shot_rows
from mvssl.api._adapt_verdict import Verdict, judge
from mvssl.api._models import ZERO_SHOT
from mvssl.brief import brief_repr
from mvssl.embedding import load, project
from mvssl.embedding.model import FOLDER
from mvssl.encoders import fingerprint
from mvssl.errors import ConfigError, InputError
from mvssl.evaluation.results_file import write_results
from mvssl.frames import Frames
from mvssl.reporting.tables import markdown
from mvssl.training import Experiment
from mvssl.training import pretrain as run_pretraining
from mvssl.training.experiment import Train
from mvssl.training.run_lock import run_lock
from mvssl.types import Video
from mvssl.video import scan, write_videos

FIRST_STEPS = 10  # on which the time of a step is measured; they are the first of the training itself
LEAST_STEPS = 50
MOST_TIMES = 4  # times the recipe's own number of steps: longer trainings of it have not been tried
FOR_MEASURING = 0.15  # share of the time kept for the measures at the end


class Adaptation(NamedTuple):
    """What ``adapt`` made."""

    verdict: Verdict
    table: str  # Markdown: the zero-shot rows, the clock, the adapted model; errors in seconds
    results: Path  # results.json
    run: Path  # what every other command takes as RUN
    steps: int

    def __repr__(self) -> str:
        return brief_repr(self)


def adapt(
    videos: str | Path | Sequence[str | Path],
    output: str | Path = "adapted",
    *,
    minutes: float = 5.0,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
    progress: bool = True,
) -> Adaptation:
    """Trains the default recipe on two or more unlabelled videos and says whether it is better than zero-shot.

    The measures need no labels: the alignment error in seconds between each video and cut, warped and freshly augmented
    copies of it (``warp_error``), and cycle consistency between videos. With four videos or more (of two groups or
    sessions) they are taken two-fold, by models trained on the other half; the saved model is trained on all.

    Args:
        videos: a folder, a table, a video file, or several of them.
        output: folder of the run; it holds ``model/`` and ``results.json`` when it is complete. An interrupted adaptation
            goes on with the same call.
        minutes: the time it may take, on the whole; the number of steps follows from the time of the first ones.
        steps: this many, whatever time they take.
        overrides: ``key=value`` for the recipe (``configs/pretrain/default.yaml``); its backbone has to stay frozen.
        seed: of the copies that are measured on.

    Raises:
        InputError: fewer than two videos, an unreadable one, one too short to be cut (10 frames), or a folder that holds
            a finished adaptation; ConfigError: a recipe that does not freeze its backbone.
    """
    begun = time.perf_counter()
    output = Path(output)
    if not minutes > 0 or (steps is not None and steps < 1):
        raise InputError(f"adapt: minutes must be above 0 and steps at least 1, got {minutes} and {steps}")
    if (output / "results.json").exists():
        raise InputError(f"{output}: holds a finished adaptation; choose another folder")
    rows = _usable(videos)
    with run_lock(output):
        return _adapted(rows, output, minutes, steps, overrides, seed, progress, begun)


def _adapted(
    rows: list[Video], output: Path, minutes: float, steps: int | None, overrides: Sequence[str], seed: int, progress: bool,
    begun: float,
) -> Adaptation:  # fmt: skip
    """The part that writes into the run's folder."""
    path = config.find("default", "pretrain")
    values = config.load(path, overrides)
    work = output / "work"
    values["cache"] = {**values.get("cache", {}), "folder": str(work / "cache")}
    experiment = _experiment(values, rows, output, steps or FIRST_STEPS, str(path))
    own, default = _materials(experiment, rows, work, seed, progress)
    halves = folds(rows)

    def train(part: Sequence[Video], run: Path, number: int) -> Path:
        made = _experiment(values, part, run, number, str(path))
        return run_pretraining(made.model_dump(mode="json"), run, where=str(path), progress=progress)

    if steps is None:
        steps = _timed(output, lambda: train(rows, output, FIRST_STEPS), 1 + len(halves), values, begun, minutes * 60)
    if progress:
        print(f"adapt: {len(rows)} videos; {steps} steps for each of {1 + len(halves)} trainings")
    train(rows, output, steps)
    tested = [[video.id for video in test] for test, _ in halves] or [own.plain.ids]
    models = [train(rest, work / f"fold{i}", steps) for i, (_, rest) in enumerate(halves)] or [output]
    rows_of = {
        name: measure([(material.of(ids), embed) for ids in tested])
        for name, (material, embed) in zero_shot_rows(own, default).items()
    }
    adapted = measure([(own.of(ids), _projection(model)) for ids, model in zip(tested, models, strict=True)])
    zero_shot = {name: found.per_video for name, found in rows_of.items() if name != "time only"}
    verdict = judge(
        adapted.per_video, zero_shot, rows_of["time only"].per_video, held_out=bool(halves),
        generator=np.random.default_rng(seed), units=adapted.units,
    )  # fmt: skip
    rows_of["adapted"] = adapted
    settings = {"verdict": verdict.to_dict(), "steps": steps, "seed": seed, "two_fold": bool(halves)}
    settings["minutes"] = round((time.perf_counter() - begun) / 60, 2)
    results = write_results(
        output / "results.json", {name: {"adaptation": found} for name, found in rows_of.items()}, own.plain,
        settings=settings,
    )  # fmt: skip
    shutil.rmtree(work)
    table = markdown({name: found.value for name, found in rows_of.items()}, bold=False)
    return Adaptation(verdict, table, results, output, steps)


def _usable(videos: str | Path | Sequence[str | Path]) -> list[Video]:
    """The videos, scanned, under absolute paths, all of one split."""
    sources = [videos] if isinstance(videos, str | Path) else list(videos)
    found: dict[str, Video] = {}
    for source in sources:
        report = scan(source)
        for problem in report.problems:
            if problem.fatal:
                raise InputError(f"{problem.message}; leave it out, or mend it")
        for video in report.videos:
            path = str(Path(video.path).resolve())
            name = video.id if len(sources) == 1 else path
            found[name] = video._replace(id=name, path=path, split="train")
    if len(found) < 2:
        raise InputError(f"adapt: {len(found)} video given; it learns from two or more of the same action")
    return list(found.values())


def _experiment(values: dict[str, Any], videos: Sequence[Video], run: Path, steps: int, where: str) -> Experiment:
    """The recipe on these videos, whose index is written into the run's folder."""
    index = run / "videos.parquet"
    write_videos(videos, index)
    data = {**values.get("data", {}), "root": str(index), "split": "all"}
    settings = {"log_every": 5, **values.get("train", {}), "steps": steps}
    experiment = Experiment.from_values({**values, "data": data, "train": settings}, where)
    if experiment.encoder.get("freeze") != "all":
        raise ConfigError(f"{where}: encoder.freeze: adapt measures on a frozen backbone; set encoder.freeze=all")
    return experiment


def _materials(
    experiment: Experiment, videos: Sequence[Video], work: Path, seed: int, progress: bool
) -> tuple[Material, Material]:
    """Features of the recipe's maps of the backbone, and of the maps that are aligned by without a run."""
    spec = experiment.encoder_for(rgb_plan(experiment))
    encoder = config.build("mvssl.encoders", spec, "encoder")
    own = make_material(encoder, experiment, videos, work / "own", seed=seed, progress=progress)
    plain = {**ZERO_SHOT, **{name: spec[name] for name in ("backbone", "weights", "in_channels")}}
    image = config.build("mvssl.encoders", plain, "encoder")
    if fingerprint(image.backbone) == fingerprint(encoder.backbone):
        return own, own
    return own, make_material(image, experiment, videos, work / "default", seed=seed, progress=progress)


def _timed(
    run: Path, train_first: Callable[[], object], num_runs: int, values: dict[str, Any], begun: float, limit_s: float
) -> int:
    """As many steps as fit into the time, by the median of the first ones; decided once for a run."""
    decided = run / "steps.json"
    if not decided.exists():
        train_first()
        shutil.rmtree(run / FOLDER)  # of those few steps: an interrupted adaptation leaves no model
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        step_s = float(np.median([line["data_s"] + line["step_s"] for line in lines[1:]]))
        left_s = limit_s * (1 - FOR_MEASURING) - (time.perf_counter() - begun)
        fitting = int(left_s / num_runs / step_s)
        most = MOST_TIMES * int(values.get("train", {}).get("steps", Train().steps))
        steps = min(max(fitting, LEAST_STEPS), most)
        about = {"steps": steps, "fitting": fitting, "step_s": step_s, "num_runs": num_runs}
        files.write_text(decided, json.dumps(about))
        why = {fitting: "as the time allows", most: f"{MOST_TIMES} times the recipe's own, though more would fit"}
        print(
            f"adapt: a step takes {step_s:.3f} s; {steps} steps, {why.get(steps, 'the least, though the time is up')}"
        )
    return int(json.loads(decided.read_text())["steps"])


def _projection(run: Path) -> Embed:
    model = load(run)

    def embed(frames: Frames) -> Frames:
        return project(model.encoder, frames, recipe=model.recipe, normalise=model.normalise)

    return embed
