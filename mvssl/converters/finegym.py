"""FineGym (Shao et al. 2020): events as time ranges of the raw videos, elements as labels.

    mvssl data finegym annotations FineGym_Raw_database -o gym99 --classes 99

Reads ``finegym_annotation_info_v1.0.json`` (or v1.1): {video id: {event id "E_ssssss_eeeeee": {event, timestamps
[[start, end], ...], segments {element id "A_ssss_eeee": {stages, timestamps [[start, end], ...]}} or null}}}, element
times from the start of the event; and the lists ``gym99_train_element_v1.0.txt``, ``gym99_val_element.txt`` (gym288
likewise), lines "<video>_<event>_<element> class". Raw videos are ``<video id>.mp4``, ``.mkv`` or ``.webm``.

Nothing is cut: an event is the range [start, end] of its video, so its times are exact. Only events with a listed
element are written. All stages of an element with several stages are labelled (CARL labels the last one only). Videos
that are not there are left out and counted; two lists that name one event for both splits are refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mvssl.converters._tables import write_dataset
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments
from mvssl.types import Video

SUFFIXES = (".mp4", ".mkv", ".webm")


def read_list(path: Path) -> dict[str, str]:
    """Class by element name, e.g. {"0LtLS9wROrk_E_002407_002435_A_0003_0005": "50"}."""
    labels = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.strip():
            parts = line.split()
            if len(parts) != 2 or "_A_" not in parts[0]:
                raise InputError(f"{path}, line {number}: expected '<video>_<event>_<element> class', got {line!r}")
            labels[parts[0]] = parts[1]
    return labels


def prepare(annotations: Path, raw: Path, out: Path, *, classes: int = 99) -> dict[str, int]:
    """Writes the tables; returns counts of what was left out (also printed).

    Raises:
        InputError: a missing list or annotation, an element whose event is not annotated, an event in both splits.
    """
    if classes not in (99, 288):
        raise InputError(f"FineGym has lists of 99 and of 288 classes, not of {classes}")
    info_files = sorted(annotations.glob("finegym_annotation_info_v*.json"))
    if not info_files:
        raise InputError(f"{annotations}: no finegym_annotation_info_v*.json")
    info = json.loads(info_files[-1].read_text())
    videos: dict[str, Video] = {}
    segments = Segments()
    missing: set[str] = set()
    for split in ("train", "val"):
        lists = sorted(annotations.glob(f"gym{classes}_{split}_element*.txt"))
        if not lists:
            raise InputError(f"{annotations}: no gym{classes}_{split}_element*.txt")
        for element, label in read_list(lists[-1]).items():
            event_name, _, element_id = element.rpartition("_A_")
            video_id, _, event_id = event_name.rpartition("_E_")
            event_id, element_id = f"E_{event_id}", f"A_{element_id}"
            event = info.get(video_id, {}).get(event_id)
            if event is None or element_id not in (event["segments"] or {}):
                raise InputError(f"{lists[-1]}: {element} is not in {info_files[-1].name}; use lists of one version")
            path = next((p for s in SUFFIXES if (p := raw / f"{video_id}{s}").exists()), None)
            if path is None:
                missing.add(video_id)
                continue
            if event_name in videos and videos[event_name].split != split:
                raise InputError(f"the event {event_name} is in both train and val")
            start_s, end_s = event["timestamps"][0][0], event["timestamps"][-1][1]
            about: dict[str, Any] = {
                "start_s": float(start_s),
                "end_s": float(end_s),
                "group": video_id,
                "split": split,
            }
            videos[event_name] = Video(event_name, str(path.resolve()), label=f"event {event['event']}", **about)
            stages = event["segments"][element_id]["timestamps"]
            rows = [Segment(start_s + a, min(start_s + b, end_s), f"gym{classes}/{label}") for a, b in stages]
            segments.setdefault(event_name, []).extend(rows)
    for name, rows in segments.items():
        rows.sort()
        for i, (row, after) in enumerate(zip(rows, rows[1:])):
            if row.end_s > after.start_s:  # published times of neighbours overlap by rounding: the later one begins
                rows[i] = row._replace(end_s=after.start_s)
        segments[name] = [row for row in rows if row.end_s > row.start_s]
    write_dataset(out, [videos[name] for name in sorted(videos)], segments)
    print(
        f"{len(missing)} raw videos are not there: {', '.join(sorted(missing)[:5])}{' ...' if len(missing) > 5 else ''}"
    )
    return {"missing_videos": len(missing)}
