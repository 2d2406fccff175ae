"""The demo: every command in turn, on videos that it makes itself, ending in one report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mvssl.api._align import Alignment, align
from mvssl.api._embed import embed
from mvssl.api._evaluate import Evaluation, evaluate
from mvssl.api._models import ZERO_SHOT, load
from mvssl.api._pretrain import pretrain
from mvssl.api._scan import scan
from mvssl.api._search import Found, search
from mvssl.api._table import COLUMNS, cells
from mvssl.encoders import available
from mvssl.encoders.weights import PACKAGE_HINT
from mvssl.labels import Segments, read_segments
from mvssl.reporting.report import Chapter, Part, curves, verdict, write_report
from mvssl.synthetic import make_videos
from mvssl.types import Video

PHASES = "phase_classification/accuracy"
RECALL = "phase_classification/recall"
PRECISION = "frame_retrieval/precision@5"


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
        quick: fewer videos and steps.
        only_videos: stop when the videos are there.

    Returns:
        ``report.html``, or the folder of the videos.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
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
    segments = read_segments(videos / "segments.csv")
    pair = _pair(report.videos, segments)
    weights = available(ZERO_SHOT["backbone"], "package")
    aligned: dict[str, Alignment] = {}
    if weights:
        with stage("align without training"):
            aligned["zero-shot"] = align(pair[0].path, [pair[1].path], output / "aligned-zero-shot", segments=segments)
    else:
        print(f"  align without training: no weights here; {PACKAGE_HINT}")
    overrides = [f"data.root={videos}", f"cache.folder={output / 'cache'}"] if weights else [f"data.root={videos}"]
    name = "demo" if weights else "demo_scratch"
    if quick:
        overrides += ["train.steps=200", *(["cache.passes=2"] if weights else [])]
    with stage("pretrain"):
        run = pretrain(name, overrides, output=output / "run")
    with stage("supervised reference"):
        classes = len(segments.labels)
        supervision = ["objective.name=classify", f"objective.num_classes={classes}"]
        supervised = pretrain(
            name, [*overrides, *supervision, f"train.steps={60 if quick else 200}"], output=output / "run-supervised"
        )
    with stage("embed"):
        frames = embed(run, videos, output / "frames")
    with stage("align"):
        aligned["trained"] = align(pair[0].path, [pair[1].path], output / "aligned", run=load(run), segments=segments)
    with stage("search"):
        middle = next(s for s in segments[pair[0].id] if s.label.endswith(_rare(segments, pair[0].id)))
        moment = f"{pair[0].id}@{(middle.start_s + middle.end_s) / 2:.2f}s"
        found = search(frames.where(split="val"), moment, output / "found", k=9)
    with stage("evaluate"):
        evaluation = evaluate(run, videos, output / "evaluation", supervised=supervised)
    path = _report(output, stage, aligned, found, moment, evaluation, run, len(report.videos))
    for sentence in _sentences(evaluation):
        print(sentence)
    return path


def _pair(videos: list[Video], segments: Segments) -> tuple[Video, Video]:
    """Two unseen takes of one action, seen by different cameras."""
    unseen = [video for video in videos if video.split == "val" and video.id in segments]
    first = unseen[0]
    others = [v for v in unseen if v.label == first.label and v.session != first.session and v.camera != first.camera]
    return first, others[0]


def _rare(segments: Segments, video: str) -> str:
    """The shortest phase inside a video: the hardest to find by chance."""
    inner = segments[video][1:-1] or segments[video]  # the first and the last are the idle ends
    return min(inner, key=lambda s: s.end_s - s.start_s).label


def _sentences(evaluation: Evaluation) -> list[str]:
    return [
        verdict(evaluation.rows, PHASES, "Phase accuracy on unseen takes"),
        verdict(evaluation.rows, RECALL, "Mean per-class recall of phases"),
        verdict(evaluation.rows, PRECISION, "Precision@5 of frames in other takes"),
    ]


def _report(
    output: Path, stage: Stages, aligned: dict[str, Alignment], found: Found, moment: str, evaluation: Evaluation,
    run: Path, num_videos: int,
) -> Path:  # fmt: skip
    chapters = []
    for name, result in aligned.items():
        time_map = result.maps[0]
        words = (
            "ImageNet features of single frames, centred per video" if name == "zero-shot" else "the trained encoder"
        )
        chapters.append(
            Chapter(
                f"Two videos aligned: {name}",
                [
                    Part("text", f"By {words}. The pair {time_map.verdict}."),
                    Part("video", result.video, "Left the reference, right the query brought to its time."),
                    Part(
                        "picture",
                        result.matrices[0],
                        "Similarity of every frame with every other, and the matched frames.",
                    ),
                ],
            )
        )
    header, rows = cells(evaluation.rows, COLUMNS)
    chapters += [
        Chapter(
            "The same moment elsewhere",
            [Part("picture", found.sheet, f"{moment} and what is nearest to it in other takes (own cameras left out).")],
        ),
        Chapter(
            "Numbers, each beside its controls",
            [
                Part("table", (header, rows), "Takes, clothes and scenes unseen in training; own take excluded from retrieval."),
                Part("text", "Kendall's tau is the papers' number: time alone reaches it, so it says little by itself."),
            ],
        ),
        Chapter("Training", [Part("picture", curves(run / "metrics.jsonl", output / "curves.png"), "Loss and health.")]),
        Chapter(
            "What was done",
            [
                Part("text", f"{num_videos} videos drawn by the project itself; nothing was downloaded."),
                Part("table", (["stage", "seconds"], [[k, f"{v:.1f}"] for k, v in stage.seconds.items()])),
            ],
        ),
    ]  # fmt: skip
    return write_report(
        output / "report.html", "mvssl demo: from videos to aligned videos", _sentences(evaluation), chapters
    )
