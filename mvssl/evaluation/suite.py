"""One row of a table: each metric, tested on the validation videos, fitted on the training videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mvssl.evaluation._checks import by_label, check_split, check_table
from mvssl.evaluation._layers import layer_tables
from mvssl.evaluation._result import Result
from mvssl.evaluation.action_classification import ActionClassification
from mvssl.evaluation.cross_view import CrossView
from mvssl.evaluation.diagnostics import Diagnostics
from mvssl.evaluation.diversity import Diversity
from mvssl.evaluation.frame_retrieval import FrameRetrieval
from mvssl.evaluation.guillotine import Guillotine
from mvssl.evaluation.kendall_tau import KendallTau
from mvssl.evaluation.key_moments import KeyMoments, pairs_of_one_action
from mvssl.evaluation.label_efficiency import LabelEfficiency
from mvssl.evaluation.offsets import Offsets
from mvssl.evaluation.phase_classification import PhaseClassification
from mvssl.evaluation.phase_progression import PhaseProgression
from mvssl.evaluation.segmentation import Segmentation
from mvssl.frames import Frames
from mvssl.labels import Segments

SHOTS = (1, 2, 5, 10)  # x 10 episodes; the published protocol is LabelEfficiency(shots=tuple(range(1, 11)))


class Evaluator(Protocol):
    """What each evaluator is: settings, and one method that reads tables and labels."""

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result: ...


Call = Callable[[Evaluator, Frames, Segments | None, Frames], Result]


def plainly(evaluator: Evaluator, frames: Frames, labels: Segments | None, train: Frames) -> Result:
    """Calls an evaluator."""
    return evaluator.evaluate(frames, labels, train)


def default_evaluators(*, by_action: bool = False, stride: int = 1) -> dict[str, Evaluator]:
    """The quick set, seconds for a thousand videos: tau, progression, retrieval, logistic phases."""
    return {
        "kendall_tau": KendallTau(stride=stride),
        "phase_progression": PhaseProgression(),
        "frame_retrieval": FrameRetrieval(by_action=by_action, stride=stride),
        "phase_classification": PhaseClassification(by_action=by_action),
    }


def all_evaluators(
    frames: Frames,
    segments: Segments | None = None,
    *,
    train_split: str = "train",
    val_split: str = "val",
    by_action: bool = False,
    stride: int = 1,
) -> dict[str, Evaluator]:
    """Every evaluator that this data set allows, minutes for a hundred videos: what needs phases only with
    ``segments``, what needs actions only where the videos have two, what compares layers only where they are stored.
    What needs cuts is ``camera_evaluators`` and ``WarpError``."""
    train, val = frames.where(split=train_split), frames.where(split=val_split)
    chosen: dict[str, Evaluator] = {
        "kendall_tau": KendallTau(stride=stride),
        "diagnostics": Diagnostics(by_action=by_action),
        "diversity": Diversity(),
    }
    if segments:
        smallest = min(len(part) for part in (by_label(train).values() if by_action else [train]))
        chosen |= default_evaluators(by_action=by_action, stride=stride)
        chosen |= {
            "phase_classification_svm": PhaseClassification(classifier="svm", by_action=by_action),
            "label_efficiency": LabelEfficiency(by_action=by_action),
            "label_efficiency_few_shot": LabelEfficiency(
                fractions=(), shots=tuple(n for n in SHOTS if n <= smallest), episodes=10, by_action=by_action
            ),
            "segmentation": Segmentation(by_action=by_action),
        }
        if pairs_of_one_action(val):
            chosen["key_moments"] = KeyMoments()
        if len(layer_tables(frames)) > 1:
            chosen["guillotine"] = Guillotine(probe={"name": "phase_classification", "by_action": by_action})
    if len({video.label for video in train}) > 1 and all(video.label for video in frames):
        chosen["action_classification"] = ActionClassification()
    return chosen


def camera_evaluators(cuts: Frames) -> dict[str, Evaluator]:
    """What needs versions of cameras that were cut independently: offsets and cross-view, where a session has two."""
    if len({(video.session, video.camera) for video in cuts}) > len({video.session for video in cuts}):
        return {"offsets": Offsets(), "cross_view": CrossView()}
    return {}


def evaluate_frames(
    frames: Frames,
    segments: Segments | None = None,
    *,
    evaluators: Mapping[str, Evaluator] | None = None,
    train_split: str = "train",
    val_split: str = "val",
    by_action: bool = False,
    stride: int = 1,
    call: Call = plainly,
) -> dict[str, Result]:
    """Evaluates one model, or one control, on one data set.

    Args:
        frames: all videos of the data set, their ``split`` set.
        segments: the phases; None: only what needs no labels (tau).
        evaluators: by name; None: ``default_evaluators``.
        train_split, val_split: which videos are fitted on, which are tested.
        by_action: phases are searched and classified within each action (videos of one ``label``); tau always is.
        stride: of the frames, for tau and retrieval.
        call: how an evaluator is called; ``FinishedResults`` calls only those that have not been called on the same rows.

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
    return {name: call(evaluator, val, segments, train) for name, evaluator in chosen.items()}


def flatten(results: Mapping[str, Result]) -> dict[str, Any]:
    """One row of numbers: "kendall_tau", "frame_retrieval/precision@5", "phase_classification/recall", ..."""
    row: dict[str, Any] = {}
    for name, result in results.items():
        if isinstance(result.value, dict):
            row |= {f"{name}/{key}": value for key, value in result.value.items()}
        else:
            row[name] = result.value
    return row
