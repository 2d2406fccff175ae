"""Two videos side by side: the time map as the page needs it, with pins and labels carried along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mvssl.alignment import IMAGENET, TRAINED, TimeMap, align, to_segments, transfer_labels
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.labels import Segments


class Pair(NamedTuple):
    """A query of an alignment: which video, and the moments held together."""

    query: int
    pins: tuple[tuple[float, float], ...] = ()


def parse_pair(text: str) -> Pair:
    """Reads ``3`` or ``3@1.2=1.5,4=4.4``: number of the query, and pins as REF=QUERY seconds."""
    number, _, pins = text.partition("@")
    try:
        held = tuple(sorted((float(ref), float(own)) for ref, _, own in (pin.partition("=") for pin in _split(pins))))
        return Pair(int(number), held)
    except ValueError:
        raise InputError(f"{text!r}: expected the number of a video and pins, e.g. 3@1.2=1.5") from None


def _split(pins: str) -> list[str]:
    return pins.split(",") if pins else []


def aligned(
    reference: VideoFrames,
    query: VideoFrames,
    pins: Sequence[tuple[float, float]],
    *,
    trained: bool,
    centre: bool = True,
) -> TimeMap:
    """The map of a query to a reference; its confidence is calibrated for trained encoders or for ImageNet features."""
    calibration = TRAINED if trained else IMAGENET
    return align(reference, query, pins=tuple(pins), centre=centre, calibration=calibration)


def described(time_map: TimeMap, segments: Segments, query: VideoFrames) -> dict[str, Any]:
    """A time map in plain values: the map at each matched time of the reference and where even tempo would be, the
    verdict, the query's labels.

    Where the query has no labels of its own, those of the reference are carried over, each with its confidence.
    """
    pins = dict(time_map.pins)  # held exactly, also between two frames
    ref_time_s = np.unique([*time_map.ref_time_s, *pins])
    query_time_s = time_map.to_query(ref_time_s)
    for ref_s, query_s in pins.items():
        query_time_s[np.searchsorted(ref_time_s, ref_s)] = query_s
    labels = [{**row._asdict(), "confidence": None} for row in segments.get(query.video, [])]
    if not labels and segments.get(time_map.reference):
        carried, confidence = to_segments(transfer_labels(time_map, segments, query))
        labels = [{**row._asdict(), "confidence": round(share, 3)} for row, share in zip(carried, confidence)]
    return {
        "ref_time_s": ref_time_s.round(4).tolist(),
        "query_time_s": query_time_s.round(4).tolist(),
        "linear_query_time_s": time_map.linear_query_s(ref_time_s).round(4).tolist(),
        "from_linear_s": round(time_map.from_linear_s, 3),
        "confidence": time_map.confidence_at(query_time_s).round(3).tolist(),
        "verdict": time_map.verdict,
        "looks_alike": time_map.looks_alike,
        "notes": list(time_map.notes),
        "pins": [list(pin) for pin in time_map.pins],
        "labels": labels,
    }
