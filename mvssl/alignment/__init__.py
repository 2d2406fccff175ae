"""Time maps between videos: the same moment, how sure, and what is carried along (labels, tempo, offsets)."""

from .align import align, align_repetitions, cost_matrix
from .labels import FrameLabels, to_segments, transfer_labels
from .time_map import TimeMap, read_time_maps, write_time_maps

__all__ = [
    "FrameLabels",
    "TimeMap",
    "align",
    "align_repetitions",
    "cost_matrix",
    "read_time_maps",
    "to_segments",
    "transfer_labels",
    "write_time_maps",
]
