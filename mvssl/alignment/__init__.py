"""Time maps between videos: the same moment, how sure, and what is carried along (labels, tempo, offsets)."""

from .align import align, align_repetitions, cost_matrix
from .confidence import (
    IMAGENET,
    TRAINED,
    Calibration,
    Evidence,
    fit_calibration,
    pair_probability,
    path_evidence,
)
from .consensus import align_to_consensus, consensus_reference
from .export import progress, write_boris, write_elan, write_progress
from .labels import FrameLabels, to_segments, transfer_labels
from .linear import linear_map
from .synchronise import Offset, agreed_offset, camera_offset, sound_offset, write_offsets
from .tempo import Deviation, Tempo, deviation_curve, tempo_table, worst_moments, write_tempo
from .time_map import TimeMap, read_time_maps, write_time_maps
from .warping import Ends

__all__ = [
    "IMAGENET",
    "TRAINED",
    "Calibration",
    "Deviation",
    "Ends",
    "Evidence",
    "FrameLabels",
    "Offset",
    "Tempo",
    "TimeMap",
    "agreed_offset",
    "align",
    "align_repetitions",
    "align_to_consensus",
    "camera_offset",
    "consensus_reference",
    "cost_matrix",
    "deviation_curve",
    "fit_calibration",
    "linear_map",
    "pair_probability",
    "path_evidence",
    "progress",
    "read_time_maps",
    "sound_offset",
    "tempo_table",
    "to_segments",
    "transfer_labels",
    "worst_moments",
    "write_boris",
    "write_elan",
    "write_offsets",
    "write_progress",
    "write_tempo",
    "write_time_maps",
]
