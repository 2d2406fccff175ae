"""Behaviour labels from BORIS, ELAN or VIA as ``segments.csv``.

    mvssl data behaviour export.tsv -o labels [--only "Subject 1"]

Reads

- BORIS 7 to 9, aggregated or tabular events (csv or tsv). The time offset is subtracted; times that run on over queued
  media are given to the file that they fall into, by the lengths that the export states. Point events have no length and
  are left out, counted.
- ELAN ``.eaf`` (XML, time slots in milliseconds): aligned annotations of a tier, of the first video that it names (not of a
  sound file); that media's TIME_ORIGIN is added.
- VIA 3 csv (lines of ``# ...``, the last ``# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,...``): rows
  with two temporal coordinates; the label is the value of the attribute (``--only`` chooses the attribute, where there
  are several).

A frame has one label: where the segments of a video overlap (several subjects, tiers), ``--only`` chooses one. The
video's name is the file name of the media, without its folder. Times are kept in seconds and never turned into frame
numbers. Several exports are put into one table. The times are those that these programs show, so the table says
``clock = player``.
"""

from __future__ import annotations

from pathlib import Path

from mvssl.converters._boris import read_boris
from mvssl.converters._elan import read_elan
from mvssl.converters._via import read_via
from mvssl.errors import InputError
from mvssl.labels import TOLERANCE_S, Segments, write_segments
from mvssl.rows import read_text


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
    write_segments(everything, out / "segments.csv", clock="player")
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
    if path.suffix.lower() == ".eaf":
        events, points = read_elan(path), 0
    elif "# CSV_HEADER" in (text := read_text(path)):
        events, points = read_via(path, text)
    elif "Behavior" in text:
        events, points = read_boris(path, text)
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
