"""What a run can do, as chapters of a report: videos aligned, the same moment elsewhere, numbers beside their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mvssl.alignment import TimeMap
from mvssl.alignment.borders import BorderError

from .report import Chapter, Part, verdict

MEANINGS = {
    "phase recall": "A linear read-out of single frames names the phase of an action in videos it was not fitted on; the "
    "share of frames it gets right, averaged over phases, so that rare phases count as much as long ones.",
    "phase accuracy": "The same read-out; the share of all frames that it gets right.",
    "precision@5": "A frame looks for its 5 nearest frames in other sessions; the share of them that are in the same phase.",
    "precision@10": "The same with 10 frames.",
    "precision@15": "The same with 15 frames.",
    "tau": "Kendall's tau: whether nearest frames keep their order between two videos. 1 is perfect, but a mere clock "
    "reaches it too, so it says little by itself.",
}
CONTROLS = (
    ("majority", "always the most frequent phase: what no knowledge at all reaches"),
    ("time only", "knows when a frame comes, but not what it shows"),
    ("random encoder", "the same network with random weights"),
    ("ImageNet", "single frames through a network trained on photographs (its last map), nothing learned from videos"),
    ("ImageNet, centred", "the same, with each video's mean taken away"),
    ("own backbone", "single frames through this run's own backbone, by the same maps, scaled as the run's rows are"),
    ("own backbone, centred", "the same, with each video's mean taken away"),
    ("own backbone, centred, projected", "the same, brought to the run's number of values by chance"),
    ("before training", "this run's network as it began"),
    ("this run", "what was trained"),
    ("supervised reference", "the same network trained with the labels: what labels would have given"),
)
SENTENCES = {
    "phase_classification/accuracy": "Phase accuracy on unseen sessions",
    "phase_classification/recall": "Mean per-class recall of phases",
    "frame_retrieval/precision@5": "Precision@5 of frames in other sessions",
}


def alignment_chapter(
    title: str, features: str, time_map: TimeMap, video: Path, matrix: Path, error: BorderError | None = None
) -> Chapter:
    """Two videos played in step, the matrix that shows why, and what even tempo alone would have done.

    Args:
        title: of the chapter.
        features: what the frames were compared by, in words.
        error: how far the query's own labels were missed, if it has any.
    """
    matched = f"{time_map.query_time_s[0]:.2f} to {time_map.query_time_s[-1]:.2f} s"
    return Chapter(
        title,
        [
            Part(
                "text",
                f"By {features}. Verdict: {time_map.verdict}; {matched} of the second video matched. "
                + _against_line(time_map, error),
            ),
            Part("video", video, "Left the reference, right the query brought to its time."),
            Part(
                "picture",
                matrix,
                "Every frame of one video against every frame of the other: bright is alike. The line joins the frames "
                "that belong together; a straight one means equal speed, a bend that one of the two is slower there. "
                "Dotted: one video simply stretched onto the other, which an alignment has to beat.",
            ),
        ],
    )


def _against_line(time_map: TimeMap, error: BorderError | None) -> str:
    words = f"On average it is {time_map.from_linear_s:.2f} s from the straight line of even tempo"
    if error is None:
        return words + "."
    return (
        f"{words}; the {error.num_borders} phase borders that the labels state were missed by {error.aligned_s:.2f} s, "
        f"by the straight line by {error.linear_s:.2f} s."
    )


def search_chapter(moment: str, sheet: Path) -> Chapter:
    """A moment and where it was found."""
    caption = f"{moment} (framed) and what is nearest to it in other sessions; d is the distance, 0 for equal."
    return Chapter("The same moment elsewhere", [Part("wide", sheet, caption)])


def numbers_chapter(
    header: Sequence[str], rows: Sequence[Sequence[str]], plots: Sequence[Path] = (), *, caption: str = ""
) -> Chapter:
    """The table of methods and controls, what its columns and rows mean, and plots."""
    present = {row[0] for row in rows}
    parts = [
        Part("text", "A number alone says little: each stands beside what simpler means reach on the same videos."),
        Part("table", (header, rows), caption),
        Part("terms", [(name, MEANINGS[name]) for name in header if name in MEANINGS]),
        Part("terms", [(name, words) for name, words in CONTROLS if name in present]),
    ]
    if plots:
        parts.append(Part("pictures", [(path, path.stem.replace("_", " ").replace("-", " ")) for path in plots]))
    return Chapter("Numbers, each beside its controls", parts)


def sentences(
    rows: Mapping[str, Mapping[str, Any] | str], chances: Mapping[str, tuple[float, int] | None] | None = None
) -> list[str]:
    """Whether the run beats its controls, by every metric that was measured, in words.

    Args:
        chances: by metric, what ``against_controls`` found.
    """
    measured = rows.get("this run", {})
    return [
        verdict(rows, metric, words, chance=(chances or {}).get(metric))
        for metric, words in SENTENCES.items()
        if isinstance(measured, Mapping) and measured.get(metric) is not None
    ]
