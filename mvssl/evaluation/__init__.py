"""Evaluation: reads tables of frames and labels, returns numbers beside their controls, never plots."""

from mvssl.evaluation.controls import majority, time_histogram, time_only
from mvssl.evaluation.frame_retrieval import FrameRetrieval, frame_precision, frame_retrieval
from mvssl.evaluation.kendall_tau import KendallTau, kendall_tau
from mvssl.evaluation.phase_classification import PhaseClassification, phase_classification
from mvssl.evaluation.result import Result
from mvssl.evaluation.suite import default_evaluators, evaluate_frames, flatten

__all__ = [
    "FrameRetrieval",
    "KendallTau",
    "PhaseClassification",
    "Result",
    "default_evaluators",
    "evaluate_frames",
    "flatten",
    "frame_precision",
    "frame_retrieval",
    "kendall_tau",
    "majority",
    "phase_classification",
    "time_histogram",
    "time_only",
]
