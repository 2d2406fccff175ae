"""Evaluation: reads tables of frames and labels, returns numbers beside their controls, never plots."""

from mvssl.evaluation.action_classification import ActionClassification, action_classification
from mvssl.evaluation.controls import majority, time_histogram, time_only
from mvssl.evaluation.cross_view import CrossView
from mvssl.evaluation.diagnostics import Diagnostics, clock_r2, collapse
from mvssl.evaluation.frame_retrieval import FrameRetrieval, frame_precision, frame_retrieval
from mvssl.evaluation.kendall_tau import KendallTau, kendall_tau
from mvssl.evaluation.key_moments import KeyMoments
from mvssl.evaluation.label_efficiency import LabelEfficiency
from mvssl.evaluation.offsets import Offsets, estimate_offset
from mvssl.evaluation.phase_classification import PhaseClassification, phase_classification
from mvssl.evaluation.phase_progression import PhaseProgression, phase_progression
from mvssl.evaluation.result import Result
from mvssl.evaluation.segmentation import Segmentation, segment_scores
from mvssl.evaluation.suite import default_evaluators, evaluate_frames, flatten
from mvssl.evaluation.warp import reuse_rows, warped_frames, warped_times
from mvssl.evaluation.warp_error import WarpError, warp_error

__all__ = [
    "ActionClassification",
    "CrossView",
    "Diagnostics",
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
    "clock_r2",
    "collapse",
    "default_evaluators",
    "estimate_offset",
    "evaluate_frames",
    "flatten",
    "frame_precision",
    "frame_retrieval",
    "kendall_tau",
    "majority",
    "phase_classification",
    "phase_progression",
    "reuse_rows",
    "segment_scores",
    "time_histogram",
    "time_only",
    "warp_error",
    "warped_frames",
    "warped_times",
]
