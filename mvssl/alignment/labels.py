"""Labels of a reference carried over to the videos that were aligned to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mvssl.brief import brief_repr
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.labels import Segment, Segments
from mvssl.series import median_step

from .time_map import TimeMap


class FrameLabels(NamedTuple):
    """Labels of the frames of one video that nobody labelled by hand."""

    video: str
    frame: np.ndarray  # (T,) int64
    time_s: np.ndarray  # (T,) float64
    label: np.ndarray  # (T,) str, "" where nothing is known
    confidence: np.ndarray  # (T,) float32 in [0, 1]: the share of the votes that the label got

    def __repr__(self) -> str:
        return brief_repr(self)


def transfer_labels(
    maps: TimeMap | Sequence[TimeMap], segments: Segments, frames: VideoFrames | None = None
) -> FrameLabels:
    """Labels each frame of a query by the frame of the reference at the same moment.

    Args:
        maps: one map, or one from each of several labelled references to the same query: then each reference votes with
            the confidence of its match.
        segments: labels of the references, by video id.
        frames: the query's frames; None labels the matched frames of a single map.

    Returns:
        Frames before and after the matched range stay unlabelled, with confidence 0.

    Raises:
        InputError: no map, maps to different queries, or a reference without labels.
    """
    maps = [maps] if isinstance(maps, TimeMap) else list(maps)
    if not maps:
        raise InputError("no time map to carry labels along")
    query = maps[0].query
    for time_map in maps:
        if time_map.query != query:
            raise InputError(f"maps to {query} and to {time_map.query}: labels are carried to one video at a time")
        if not segments.get(time_map.reference):
            raise InputError(f"{time_map.reference}: the reference has no labels; known are {sorted(segments)[:3]} ...")
    if frames is None:
        if len(maps) > 1:
            raise InputError("several references vote on the frames of a query: give its frames")
        time_s, row = np.unique(maps[0].query_time_s, return_index=True)
        frame = maps[0].query_frame[row]
    else:
        time_s, frame = frames.time_s, frames.frame

    labels = segments.labels
    votes = np.zeros((len(time_s), len(labels)))
    for time_map in maps:
        moment_s = time_map.to_reference(time_s)
        known = np.isfinite(moment_s)
        found = np.full(len(time_s), "", dtype=object)
        found[known] = segments.at(time_map.reference, moment_s[known])
        confidence = time_map.confidence_at(time_s)
        for k, label in enumerate(labels):
            votes[:, k] += np.where(found == label, confidence, 0.0)
    best = votes.argmax(1)
    strength = votes[np.arange(len(best)), best] / len(maps)
    chosen = np.where(strength > 0, np.array(labels, dtype=object)[best], "").astype(str)
    return FrameLabels(query, np.asarray(frame), np.asarray(time_s), chosen, strength.astype(np.float32))


def to_segments(labelled: FrameLabels, *, end_s: float | None = None) -> tuple[list[Segment], list[float]]:
    """Runs of one label as segments, and the mean confidence of each.

    Args:
        labelled: labels by frame.
        end_s: end of the video; None lets the last frame last as long as the median one.
    """
    time_s, label = labelled.time_s, labelled.label
    if not len(time_s):
        return [], []
    step_s = median_step(time_s, alone=0.04)
    starts = np.flatnonzero(np.r_[True, label[1:] != label[:-1]])
    stops = np.r_[starts[1:], len(label)]
    last_s = max(end_s if end_s is not None else 0.0, float(time_s[-1]) + step_s)
    bounds = np.r_[time_s, last_s]
    segments, confidence = [], []
    for start, stop in zip(starts, stops):
        if label[start]:
            segments.append(Segment(float(bounds[start]), float(bounds[stop]), str(label[start])))
            confidence.append(float(labelled.confidence[start:stop].mean()))
    return segments, confidence
