"""Time maps between videos: the same moment, how sure, and what is carried along (labels, tempo, offsets)."""

from .align import align, align_repetitions, cost_matrix
from .confidence import IMAGENET, Calibration, fit_calibration, pair_probability, path_evidence
from .labels import FrameLabels, to_segments, transfer_labels
from .time_map import TimeMap, read_time_maps, write_time_maps

__all__ = [
    "IMAGENET",
    "Calibration",
    "FrameLabels",
    "TimeMap",
    "align",
    "align_repetitions",
    "cost_matrix",
    "fit_calibration",
    "pair_probability",
    "path_evidence",
    "read_time_maps",
    "to_segments",
    "transfer_labels",
    "write_time_maps",
]
