"""The demo: every command in turn, on videos that it makes itself, ending in one report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mvssl import files
from mvssl.api._align import Alignment, align
from mvssl.api._evaluate import Evaluation, evaluate
from mvssl.api._models import ZERO_SHOT, load
from mvssl.api._pretrain import pretrain
from mvssl.api._report import moment_of, pair_of, results_chapters
from mvssl.api._scan import scan
from mvssl.api._search import SearchResult, search
from mvssl.embedding import Model, project
from mvssl.encoders import available
from mvssl.encoders.weights import PACKAGE_HINT
from mvssl.frames import Frames, read_frames, write_frames
from mvssl.reporting.report import Chapter, Part, write_report
from mvssl.reporting.results import sentences
from mvssl.reporting.training import settings_chapter, training_chapter
from mvssl.synthetic import make_videos
from mvssl.video import first_s, read_labels


class Stages:
    """Prints each stage's seconds as it ends, and keeps them for the report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        print(f"{name} ...", flush=True)
        yield
        self.seconds[name] = time.perf_counter() - begun
        print(f"{name}: {self.seconds[name]:.1f} s", flush=True)


def demo(output: str | Path = "demo", *, quick: bool = False, only_videos: bool = False) -> Path:
    """Makes videos, aligns two of them without training, pretrains, embeds, aligns, searches, evaluates, reports.

    Args:
        output: everything goes there; finished stages of an earlier call are not trained or embedded again.
        quick: fewer and smaller videos.
        only_videos: stop when the videos are there.

    Returns:
        ``report.html``, or the folder of the videos.
    """
    output = Path(output)
    files.make_folder(output)
    stage = Stages()
    videos = output / "videos"
    with stage("videos"):
        if not (videos / "segments.csv").exists():
            make_videos(videos, quick=quick)
    if only_videos:
        return videos
    with stage("scan"):
        report = scan(videos, output / "videos.parquet")
        print(f"  {len(report.videos)} readable videos, {len(report.problems)} remarks")
    segments = read_labels(videos / "segments.csv", report.videos)
    pair = pair_of(report.videos)
    weights = available(ZERO_SHOT["backbone"], "package")
    aligned: dict[str, Alignment] = {}
    if weights:
        with stage("align without training"):
            aligned["zero-shot"] = align(pair[0].path, [pair[1].path], output / "aligned-zero-shot", segments=segments)
    else:
        print(f"  align without training: no weights here; {PACKAGE_HINT}")
    overrides = [f"data.root={videos}", f"cache.folder={output / 'cache'}"] if weights else [f"data.root={videos}"]
    name = "default" if weights else "demo_scratch"
    if quick and weights:
        overrides.append("train.steps=400")  # the few videos are seen more often
    with stage("pretrain"):
        run = pretrain(name, overrides, output=output / "run")
    with stage("supervised reference"):
        classes = len(segments.labels)
        supervision = ["objective.name=classify", f"objective.num_classes={classes}"]
        supervised = pretrain(
            name, [*overrides, *supervision, f"train.steps={60 if quick else 200}"], output=output / "run-supervised"
        )
    with stage("evaluate"):
        evaluation = evaluate(
            run, videos, output / "evaluation", supervised=supervised, tables=output / "backbone", progress=False
        )
    with stage("embed"):
        frames = _embedded(load(run), output)
    with stage("align"):
        aligned["trained"] = align(pair[0].path, [pair[1].path], output / "aligned", run=load(run), segments=segments)
    with stage("search"):
        moment = moment_of(pair[0], segments, begins_s=first_s(pair[0]))
        found = search(frames.where(split="val"), moment, output / "found", k=9)
    path = _report(output, stage, aligned, found, moment, evaluation, run, len(report.videos))
    for sentence in sentences(evaluation.rows, evaluation.chances):
        print(sentence)
    return path


def _embedded(model: Model, output: Path) -> Frames:
    """What ``mvssl embed`` would make, from the backbone features that the evaluation has left: decoded once."""
    backbone = read_frames(output / "backbone" / "backbone")
    frames = project(model.encoder, backbone, recipe=model.recipe, normalise=model.normalise)
    for video in frames:
        write_frames(output / "frames", video, frames.metadata)
    return frames


def _report(
    output: Path, stage: Stages, aligned: dict[str, Alignment], searched: SearchResult, moment: str, evaluation: Evaluation,
    run: Path, num_videos: int,
) -> Path:  # fmt: skip
    features = {
        "zero-shot": "ImageNet features of single frames, centred per video",
        "trained": "the trained encoder",
    }
    pairs = {f"Two videos aligned: {name}": (features[name], result) for name, result in aligned.items()}
    done = Chapter(
        "What was done",
        [
            Part("text", f"{num_videos} videos drawn by the project itself; nothing was downloaded."),
            Part("table", (["stage", "seconds"], [[k, f"{v:.1f}"] for k, v in stage.seconds.items()])),
        ],
    )
    chapters = [
        *results_chapters(pairs, searched, moment, evaluation),
        training_chapter(run, output / "report"),
        settings_chapter(run),
        done,
    ]
    title = "mvssl demo: from videos to aligned videos"
    return write_report(output / "report.html", title, sentences(evaluation.rows, evaluation.chances), chapters)
