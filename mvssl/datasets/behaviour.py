"""Behaviour labels from BORIS, ELAN or VIA as ``segments.csv``.

    mvssl data behaviour export.tsv -o labels [--only "Subject 1"]

- BORIS, aggregated events (csv or tsv): columns ``Media file`` or ``Media file name``, ``Subject``, ``Behavior``,
  ``Behavior type``, ``Start (s)``, ``Stop (s)``. BORIS, tabular events: any lines, then a header with ``Time``,
  ``Media file path``, ``Subject``, ``Behavior``, ``Status`` (START, STOP, POINT). Times are seconds. Point events have
  no length and are left out, counted.
- ELAN ``.eaf`` (XML, time slots in milliseconds): aligned annotations of a tier; the media's TIME_ORIGIN is added.
- VIA 3 csv (lines of ``# ...``, the last ``# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,...``): rows
  with two temporal coordinates; the label is the value of the attribute (``--only`` chooses the attribute, where there
  are several).

A frame has one label: where the segments of a video overlap (several subjects, tiers), ``--only`` chooses one. The
video's name is the file name of the media, without its folder. Times are kept in seconds and never turned into frame
numbers. Several exports are put into one table.
"""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath

from mvssl.errors import InputError
from mvssl.labels import TOLERANCE_S, Segment, Segments, write_segments

Event = tuple[str, str, Segment]  # video, subject or tier, segment


def prepare(*exports: Path, out: Path, only: str | None = None) -> int:
    """Writes ``out/segments.csv``; returns the number of point events left out (also printed).

    Raises:
        InputError: a video that is labelled in two exports; see ``read_behaviour``.
    """
    everything, left_out = Segments(), 0
    for export in exports:
        read, number = read_behaviour(export, only=only)
        left_out += number
        for video, rows in read.items():
            if video in everything:
                raise InputError(f"{export}: {video} is labelled in two files")
            everything[video] = rows
    write_segments(everything, out / "segments.csv")
    print(f"{out / 'segments.csv'}: {sum(map(len, everything.values()))} segments; {left_out} point events left out")
    return left_out


def read_behaviour(path: Path, *, only: str | None = None) -> tuple[Segments, int]:
    """Segments by video, and the number of point events left out.

    Args:
        path: an export of one of the three programs, told apart by its content.
        only: subject (BORIS), tier (ELAN) or attribute (VIA) to read; None: all, if they do not overlap.

    Raises:
        InputError: an unknown format, a row that cannot be read (names it), overlapping segments (says what to choose).
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".eaf":
        events, points = _elan(path), 0
    elif "# CSV_HEADER" in text:
        events, points = _via(path, text)
    elif "Behavior" in text:
        events, points = _boris(path, text)
    else:
        raise InputError(f"{path}: neither an export of BORIS, nor ELAN .eaf, nor a VIA 3 csv")
    sources = sorted({source for _, source, _ in events})
    if only is not None and only not in sources:
        raise InputError(f"{path}: no {only!r}; there are: {', '.join(sources)}")
    segments = Segments()
    for video, source, segment in events:
        if only in (None, source):
            segments.setdefault(video, []).append(segment)
    for video, rows in segments.items():
        rows.sort()
        for before, after in zip(rows, rows[1:]):
            if after.start_s < before.end_s - 2 * TOLERANCE_S:
                raise InputError(
                    f"{path}: {video}: {before.label!r} until {before.end_s:.3f} s overlaps {after.label!r} from "
                    f"{after.start_s:.3f} s; choose one of: {', '.join(sources)}"
                )
    return segments, points


def _name(media: str) -> str:
    return PureWindowsPath(media.strip()).name  # understands both kinds of slash


def _boris(path: Path, text: str) -> tuple[list[Event], int]:
    lines = text.splitlines()
    first = next(
        (i for i, line in enumerate(lines) if "Behavior" in line and ("Start (s)" in line or "Status" in line)), None
    )
    if first is None:
        raise InputError(f"{path}: no header with Behavior and Start (s), or with Behavior and Status")
    table = csv.DictReader(lines[first:], delimiter="\t" if "\t" in lines[first] else ",")
    media = next(
        (n for n in ("Media file name", "Media file", "Media file path") if n in (table.fieldnames or ())), None
    )
    if media is None:
        raise InputError(f"{path}: no column for the media file; found {table.fieldnames}")
    events: list[Event] = []
    points = 0
    open_since: dict[tuple[str, str, str], float] = {}
    for number, row in enumerate(table, start=first + 2):
        source, label = row.get("Subject") or "", row["Behavior"]
        try:
            if "Start (s)" in row:
                start_s, end_s = float(row["Start (s)"]), float(row["Stop (s)"])
                if row.get("Behavior type", "").upper() == "POINT" or end_s <= start_s:
                    points += 1
                else:
                    events.append((_name(row[media]), source, Segment(start_s, end_s, label)))
                continue
            time_s = float(row["Time"])
        except ValueError as error:
            raise InputError(f"{path}, row {number}: times must be seconds; {error}") from None
        key = (_name(row[media]), source, label)
        status = row["Status"].upper()
        if status == "START":
            open_since[key] = time_s
        elif status == "STOP" and key in open_since:
            events.append((key[0], source, Segment(open_since.pop(key), time_s, label)))
        elif status == "POINT":
            points += 1
        else:
            raise InputError(f"{path}, row {number}: {label!r} of {source!r} is {status} but was never started")
    if open_since:
        video, source, label = next(iter(open_since))
        raise InputError(f"{path}: {video}: {label!r} of {source!r} is started and never stopped")
    return events, points


def _elan(path: Path) -> list[Event]:
    root = ElementTree.parse(path).getroot()
    header = root.find("HEADER")
    media = header.find("MEDIA_DESCRIPTOR") if header is not None else None
    if header is None or media is None:
        raise InputError(f"{path}: names no media file (HEADER/MEDIA_DESCRIPTOR)")
    if header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise InputError(f"{path}: times in {header.get('TIME_UNITS')}; only milliseconds are read")
    origin = float(media.get("TIME_ORIGIN", "0"))
    slots = {s.get("TIME_SLOT_ID"): s.get("TIME_VALUE") for s in root.iter("TIME_SLOT")}
    video = _name(media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or "")
    events: list[Event] = []
    for tier in root.iter("TIER"):
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            times = [slots.get(annotation.get(f"TIME_SLOT_REF{i}")) for i in (1, 2)]
            if times[0] is None or times[1] is None:
                raise InputError(f"{path}: {annotation.get('ANNOTATION_ID')} of tier {tier.get('TIER_ID')} has no time")
            start_s, end_s = ((float(time) + origin) / 1000 for time in times if time is not None)
            label = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
            if label and end_s > start_s:
                events.append((video, tier.get("TIER_ID", ""), Segment(start_s, end_s, label)))
    return events


def _via(path: Path, text: str) -> tuple[list[Event], int]:
    names: dict[str, str] = {}
    options: dict[str, dict[str, str]] = {}
    stated = re.search(r"^# ATTRIBUTES? = (.*)$", text, re.MULTILINE)
    for key, attribute in (json.loads(stated[1]) if stated else {}).items():
        names[key] = attribute.get("aname", key)
        options[key] = attribute.get("options") or {}
    events: list[Event] = []
    points = 0
    rows = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, row in enumerate(csv.reader(rows), start=1):
        try:
            files, times, values = json.loads(row[1]), json.loads(row[3]), json.loads(row[5])
        except (IndexError, ValueError) as error:
            raise InputError(f"{path}, data row {number}: not a row of a VIA 3 csv ({error})") from None
        if len(times) < 2:
            points += 1
            continue
        for key, value in values.items():
            label = options.get(key, {}).get(str(value), str(value))
            events.append((_name(files[0]), names.get(key, key), Segment(float(times[0]), float(times[1]), label)))
    return events, points
