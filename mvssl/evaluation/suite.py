"""One row of a table: each metric, tested on the validation videos, fitted on the training videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mvssl.embedding.tables import Frames
from mvssl.evaluation._checks import check_split, check_table
from mvssl.evaluation._matching import pairs_of_one_take
from mvssl.evaluation._result import Result
from mvssl.evaluation.action_classification import ActionClassification
from mvssl.evaluation.cross_view import CrossView
from mvssl.evaluation.diagnostics import Diagnostics
from mvssl.evaluation.frame_retrieval import FrameRetrieval
from mvssl.evaluation.kendall_tau import KendallTau
from mvssl.evaluation.key_moments import KeyMoments
from mvssl.evaluation.label_efficiency import LabelEfficiency
from mvssl.evaluation.phase_classification import PhaseClassification
from mvssl.evaluation.phase_progression import PhaseProgression
from mvssl.evaluation.segmentation import Segmentation
from mvssl.labels import Segments


class Evaluator(Protocol):
    """What each evaluator is: settings, and one method that reads tables and labels."""

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result: ...


def default_evaluators(*, by_action: bool = False, stride: int = 1) -> dict[str, Evaluator]:
    """The quick set, seconds for a thousand videos: tau, progression, retrieval, logistic phases."""
    return {
        "kendall_tau": KendallTau(stride=stride),
        "phase_progression": PhaseProgression(),
        "frame_retrieval": FrameRetrieval(by_action=by_action, stride=stride),
        "phase_classification": PhaseClassification(by_action=by_action),
    }


def all_evaluators(
    frames: Frames, segments: Segments | None = None, *, by_action: bool = False, stride: int = 1
) -> dict[str, Evaluator]:
    """Every evaluator that this data set allows, minutes for a thousand videos: what needs phases only with
    ``segments``,
    what needs cameras only where a session has two, what needs actions only where the videos have two."""
    chosen: dict[str, Evaluator] = {"kendall_tau": KendallTau(stride=stride), "diagnostics": Diagnostics()}
    if segments:
        chosen |= default_evaluators(by_action=by_action, stride=stride)
        chosen |= {
            "phase_classification_svm": PhaseClassification(classifier="svm", by_action=by_action),
            "label_efficiency": LabelEfficiency(),
            "segmentation": Segmentation(),
            "key_moments": KeyMoments(),
        }
    if any(True for _ in pairs_of_one_take(frames)):
        chosen["cross_view"] = CrossView()
    if len({video.label for video in frames}) > 1 and all(video.label for video in frames):
        chosen["action_classification"] = ActionClassification()
    return chosen


def evaluate_frames(
    frames: Frames,
    segments: Segments | None = None,
    *,
    evaluators: Mapping[str, Evaluator] | None = None,
    train_split: str = "train",
    val_split: str = "val",
    by_action: bool = False,
    stride: int = 1,
) -> dict[str, Result]:
    """Evaluates one model, or one control, on one data set.

    Args:
        frames: all videos of the data set, their ``split`` set.
        segments: the phases; None: only what needs no labels (tau).
        evaluators: by name; None: ``default_evaluators``.
        train_split, val_split: which videos are fitted on, which are tested.
        by_action: phases are searched and classified within each action (videos of one ``label``); tau always is.
        stride: of the frames, for tau and retrieval.

    Returns:
        A Result for each evaluator, by name; ``flatten`` makes one row of numbers of them.

    Raises:
        InputError: broken embeddings, labels of unknown videos or beyond the end, an empty or leaky split.
    """
    check_table(frames, segments)
    train, val = frames.where(split=train_split), frames.where(split=val_split)
    check_split(train, val)
    chosen = evaluators or default_evaluators(by_action=by_action, stride=stride)
    if segments is None and evaluators is None:
        chosen = {"kendall_tau": chosen["kendall_tau"]}
    return {name: evaluator.evaluate(val, segments, train) for name, evaluator in chosen.items()}


def flatten(results: Mapping[str, Result]) -> dict[str, Any]:
    """One row of numbers: "kendall_tau", "frame_retrieval/precision@5", "phase_classification/recall", ..."""
    row: dict[str, Any] = {}
    for name, result in results.items():
        if isinstance(result.value, dict):
            row |= {f"{name}/{key}": value for key, value in result.value.items()}
        else:
            row[name] = result.value
    return row
