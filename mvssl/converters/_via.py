"""Events of a VIA 3 csv."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from mvssl.converters._events import Event, name_of
from mvssl.errors import InputError
from mvssl.labels import Segment
from mvssl.rows import clean


def read_via(path: Path, text: str) -> tuple[list[Event], int]:
    names: dict[str, str] = {}
    options: dict[str, dict[str, str]] = {}
    stated = re.search(r"^# ATTRIBUTES? = (.*)$", text, re.MULTILINE)
    for key, attribute in (json.loads(stated[1]) if stated else {}).items():
        names[key] = attribute.get("aname", key)
        options[key] = attribute.get("options") or {}
    events: list[Event] = []
    points = 0
    rows = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    for number, row in enumerate(csv.reader(rows), start=1):
        try:
            files, times, values = json.loads(row[1]), [float(t) for t in json.loads(row[3])], json.loads(row[5])
        except (IndexError, ValueError, TypeError) as error:
            raise InputError(f"{path}, data row {number}: not a row of a VIA 3 csv ({error})") from None
        if len(times) < 2 or times[0] == times[1]:
            points += 1
            continue
        if not times[0] < times[1] < float("inf"):
            raise InputError(f"{path}, data row {number}: times {times} are no stretch of time")
        for key, value in values.items():
            label = clean(options.get(key, {}).get(str(value), str(value)))
            if label:
                events.append(Event(name_of(files[0]), names.get(key, key), Segment(times[0], times[1], label)))
    return events, points
