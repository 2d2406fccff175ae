"""One HTML file that tells a run's story to one who has not read the paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mvssl.api._align import Alignment, align
from mvssl.api._embed import embed
from mvssl.api._evaluate import Evaluation, evaluate
from mvssl.api._labels import labels_of
from mvssl.api._models import load
from mvssl.api._search import SearchResult, search
from mvssl.api._table import cells
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.reporting.report import Chapter, write_report
from mvssl.reporting.results import alignment_chapter, numbers_chapter, search_chapter, sentences
from mvssl.reporting.training import settings_chapter, training_chapter
from mvssl.types import Video
from mvssl.video import first_s, read_videos

UNSEEN = "Sessions, clothes and scenes unseen in training; own session excluded from retrieval."


def report(
    run: str | Path,
    output: str | Path = "report.html",
    *,
    dataset: str | Path | None = None,
    labels: str | Path | None = None,
    supervised: str | Path | Model | None = None,
) -> Path:
    """Writes a self-contained report of a run; pictures and videos are inside the file.

    Args:
        run: the folder of the run.
        output: the HTML file; what it is made from is kept in a folder of the same name beside it.
        dataset: videos to show the run on (folder or table): two are aligned, a moment is looked for in the others, and
            where the table states splits, the run is evaluated beside its controls. None: settings and training only.
        labels: segments table; default: segments.csv in the dataset's folder.
        supervised: a run of the same architecture trained with the labels, for its row.

    Raises:
        InputError: no run there, or a dataset of fewer than two videos.
    """
    output = Path(output)
    files = output.with_suffix("") if output.suffix else Path(f"{output}-files")
    told = [settings_chapter(run), training_chapter(run, files)]
    if dataset is None:
        summary = ["How this run was set and trained. With a dataset the report also shows what the run can do."]
        return write_report(output, f"mvssl: {Path(run).resolve().name}", summary, told)
    videos, model = read_videos(dataset), load(run)
    segments = labels_of(dataset, labels, videos) or Segments()
    pair = pair_of(videos)
    named = Segments({video.path: segments[video.id] for video in pair if video.id in segments})
    labelled = named if pair[0].path in named else None
    aligned = align(pair[0].path, [pair[1].path], files / "aligned", run=model, segments=labelled)
    frames = embed(model, videos, files / "frames")
    moment = moment_of(pair[0], segments, begins_s=first_s(pair[0]))
    found = search(frames, moment, files / "found", k=9)
    measured = None
    if any(video.split == "train" for video in videos) and any(video.split == "val" for video in videos):
        measured = evaluate(run, dataset, files / "evaluation", labels=labels, supervised=supervised)
    shown = results_chapters({"Two videos aligned": ("the trained encoder", aligned)}, found, moment, measured)
    summary = [f"What this run learned from videos without labels, shown on {len(videos)} videos."]
    summary += (
        sentences(measured.rows, measured.chances)
        if measured
        else ["No numbers: the dataset states no splits train and val."]
    )
    return write_report(output, f"mvssl: {Path(run).resolve().name}", summary, [*shown, *reversed(told)])


def results_chapters(
    aligned: Mapping[str, tuple[str, Alignment]], found: SearchResult, moment: str, evaluation: Evaluation | None
) -> list[Chapter]:
    """What was aligned (by title: features in words, result), found and measured, as chapters."""
    chapters = [
        alignment_chapter(title, features, result.maps[0], result.video, result.matrices[0], *result.borders[:1])
        for title, (features, result) in aligned.items()
    ]
    chapters.append(search_chapter(moment, found.sheet))
    if evaluation is not None:
        chapters.append(numbers_chapter(*cells(evaluation.rows), evaluation.plots, caption=UNSEEN))
    return chapters


def pair_of(videos: list[Video]) -> tuple[Video, Video]:
    """Two videos of one action, unseen in training, of different sessions and seen by different cameras if there are such."""
    pool = [video for video in videos if video.split == "val"]
    pool = pool if len(pool) > 1 else videos
    if len(pool) < 2:
        raise InputError(f"{len(pool)} video in the dataset: at least two are needed to align one to another")
    first, others = pool[0], pool[1:]

    def fitness(video: Video) -> tuple[bool, bool, bool]:
        other_take = not first.session or video.session != first.session
        return video.label == first.label, other_take, not first.camera or video.camera != first.camera

    return first, max(others, key=fitness)


def moment_of(video: Video, segments: Segments, *, begins_s: float = 0.0) -> str:
    """The middle of the shortest phase inside a video, the hardest to find by chance; without labels, of the video.
    As ``parse_moment`` reads it: on the player's clock; ``begins_s`` is the file's first frame."""
    phases = segments.get(video.id, [])
    inner = phases[1:-1] or phases  # the first and the last are often idle ends
    part = min(inner, key=lambda s: s.end_s - s.start_s, default=None)
    start_s, end_s = (part.start_s, part.end_s) if part else (video.start_s, video.end_s)
    return f"{video.id}@{(start_s + end_s) / 2 - begins_s:.2f}s"
