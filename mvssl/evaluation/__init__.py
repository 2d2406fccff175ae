"""Evaluation: reads tables of frames and labels, returns numbers beside their controls, never plots."""

from mvssl import config
from mvssl.evaluation._checks import check_split, check_table
from mvssl.evaluation._result import Result
from mvssl.evaluation.action_classification import ActionClassification, action_classification
from mvssl.evaluation.controls import majority, projected, time_histogram, time_only
from mvssl.evaluation.cross_view import CrossView
from mvssl.evaluation.diagnostics import Diagnostics, clock_r2, collapse
from mvssl.evaluation.frame_probe import FrameProbe
from mvssl.evaluation.frame_retrieval import FrameRetrieval, frame_precision, frame_retrieval
from mvssl.evaluation.kendall_tau import KendallTau, kendall_tau
from mvssl.evaluation.key_moments import KeyMoments
from mvssl.evaluation.label_efficiency import LabelEfficiency
from mvssl.evaluation.offsets import Offsets, estimate_offset
from mvssl.evaluation.phase_classification import PhaseClassification, phase_classification
from mvssl.evaluation.phase_progression import PhaseProgression, phase_progression
from mvssl.evaluation.segmentation import Segmentation, segment_scores
from mvssl.evaluation.suite import all_evaluators, default_evaluators, evaluate_frames, flatten
from mvssl.evaluation.warp import reuse_rows, warped_frames, warped_times
from mvssl.evaluation.warp_error import WarpError, warp_error

__all__ = [
    "ActionClassification",
    "CrossView",
    "Diagnostics",
    "FrameProbe",
    "FrameRetrieval",
    "KendallTau",
    "KeyMoments",
    "LabelEfficiency",
    "Offsets",
    "PhaseClassification",
    "PhaseProgression",
    "Result",
    "Segmentation",
    "WarpError",
    "action_classification",
    "all_evaluators",
    "check_split",
    "check_table",
    "clock_r2",
    "collapse",
    "default_evaluators",
    "estimate_offset",
    "evaluate_frames",
    "flatten",
    "frame_precision",
    "frame_retrieval",
    "get",
    "kendall_tau",
    "majority",
    "names",
    "phase_classification",
    "phase_progression",
    "projected",
    "reuse_rows",
    "segment_scores",
    "time_histogram",
    "time_only",
    "warp_error",
    "warped_frames",
    "warped_times",
]


def names() -> list[str]:
    """Names of all evaluators, sorted: the files of this folder that hold the class of their name."""
    return config.component_names(__name__)


def get(name: str) -> type:
    """The class of an evaluator, e.g. ``get("kendall_tau")(stride=2).evaluate(frames)``.

    Raises:
        ConfigError: there is no such file; the message lists the known names and the nearest.
    """
    return config.component_class(__name__, name, "evaluator")
