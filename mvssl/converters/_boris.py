"""Events of BORIS 7 to 9: aggregated (a row per event) and tabular (a row per start and stop).

BORIS counts the time of an observation over all files that its first player shows one after the other, from its time
offset on. BORIS 9 names the files in ``Source`` (``player #1:a.mp4;b.mp4|player #2:...``) and their lengths in ``Media
duration (s)``; its own ``Media file name`` forgets the offset (and then says another file, or "Not found"), so that the
file is found here from these. Before, the lengths are not written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mvssl.converters._events import Event, name_of
from mvssl.errors import InputError
from mvssl.labels import Segment
from mvssl.rows import TableRow, clean, rows_of

MEDIA = ("Media file name", "Media file", "Media file path")
SLACK_S = 0.5  # an event may end this much after the media, as players stop a little late


class Stretch(NamedTuple):
    """A state as it is written: on the clock of the observation."""

    row: TableRow
    start_s: float
    end_s: float


def read_boris(path: Path, text: str) -> tuple[list[Event], int]:
    """States as events, and the number of point events.

    Raises:
        InputError: an unknown header, a time that is no number of seconds, a state that is never stopped, times that cannot
            be given to a file; names the row.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((i for i, line in enumerate(lines) if _is_header(line)), None)
    if first is None:
        raise InputError(
            f"{path}: no header with Behavior and Start (s), or with Behavior, Time and Status or Behavior type"
        )
    rows = rows_of("\n".join(lines[first:]), str(path), needs=("Behavior",), first=first + 1)
    if not rows:
        return [], 0
    if not any(name in rows[0].cells for name in MEDIA):
        raise InputError(f"{path}: no column for the media file; found {', '.join(rows[0].cells)}")
    stretches, points = _aggregated(rows) if "Start (s)" in rows[0].cells else _tabular(path, rows)
    told = _Told(lines[:first], rows)
    return [event for one in stretches for event in told.events(one)], points


def _is_header(line: str) -> bool:
    cells = {cell.strip().strip('"') for cell in re.split(r"[\t,;]", line)}
    return "Behavior" in cells and (
        "Start (s)" in cells or ("Time" in cells and bool(cells & {"Status", "Behavior type"}))
    )


def _aggregated(rows: Sequence[TableRow]) -> tuple[list[Stretch], int]:
    stretches, points = [], 0
    for row in rows:
        if row.cells.get("Behavior type", "").upper() == "POINT":
            points += 1
            continue
        start_s, end_s = row.number("Start (s)"), row.number("Stop (s)")
        if end_s < start_s:
            raise InputError(f"{row.where}, column Stop (s): {end_s:g} lies before the start {start_s:g}")
        if end_s == start_s:
            points += 1
        else:
            stretches.append(Stretch(row, start_s, end_s))
    return stretches, points


def _tabular(path: Path, rows: Sequence[TableRow]) -> tuple[list[Stretch], int]:
    """START and STOP of one subject's behaviour (with its modifiers) belong together."""
    stretches, points = [], 0
    status = "Status" if "Status" in rows[0].cells else "Behavior type"
    modifiers = [name for name in rows[0].cells if name.startswith("Modifier")]
    started: dict[tuple[str, ...], TableRow] = {}
    for row in rows:
        kind, time_s = row.cells[status].upper(), row.number("Time")
        key = tuple(row.cells.get(name, "") for name in ("Observation id", "Subject", "Behavior", *modifiers))
        if kind == "POINT":
            points += 1
        elif kind == "START" and key not in started:
            started[key] = row
        elif kind == "STOP" and key in started:
            begun = started.pop(key)
            if time_s > (start_s := begun.number("Time")):
                stretches.append(Stretch(begun, start_s, time_s))
        else:
            wrong = "started twice" if kind == "START" else f"{kind} but was never started"
            raise InputError(f"{row.where}: {key[2]!r} of {key[1]!r} is {wrong}")
    for key in started:
        raise InputError(f"{path}: {key[2]!r} of {key[1]!r} is started and never stopped ({started[key].where})")
    return stretches, points


class _Told:
    """What the export says of media and time offset: in each row (BORIS 9), or above the table (BORIS 7)."""

    def __init__(self, above: Sequence[str], rows: Sequence[TableRow]):
        pairs = [[cell.strip().strip('"') for cell in re.split(r"[\t,;]", line, maxsplit=1)] for line in above]
        known = [(pair[0], pair[1].strip(" \t,;")) for pair in pairs if len(pair) == 2]
        self.offset = next((value for name, value in known if name == "Time offset (s)"), "")
        self.queue = [value for name, value in known if name == "Player #1" and value]
        self.named: dict[str, set[str]] = {}
        for row in rows:
            self.named.setdefault(row.cells.get("Observation id", ""), set()).add(self._file(row))

    def events(self, one: Stretch) -> list[Event]:
        """The stretch on the clock of its file; cut where it runs on into the next one."""
        row = one.row
        offset_s = self._offset_s(row)
        start_s, end_s = one.start_s - offset_s, one.end_s - offset_s
        names, lengths_s = self._media(row)
        label, source = row.text("Behavior"), row.text("Subject")
        if start_s < 0 or (lengths_s and start_s >= sum(lengths_s)):
            held = f"0 to {sum(lengths_s):.3f} s" if lengths_s else "from 0 s on"
            raise InputError(
                f"{row.where}: {label!r} from {one.start_s:.3f} s lies outside its media ({held} after the time offset of "
                f"{offset_s:g} s); were the times counted from the date of the recording?"
            )
        if not lengths_s:
            return [Event(names[0], source, Segment(start_s, end_s, label))]
        if end_s > sum(lengths_s) + SLACK_S:
            raise InputError(
                f"{row.where}: {label!r} ends at {one.end_s:.3f} s, after its media ({sum(lengths_s):.3f} s)"
            )
        events, begins_s = [], 0.0
        for name, length_s in zip(names, lengths_s):
            part = Segment(max(start_s - begins_s, 0.0), min(end_s - begins_s, length_s), label)
            if part.end_s > part.start_s:
                events.append(Event(name, source, part))
            begins_s += length_s
        return events

    def _media(self, row: TableRow) -> tuple[list[str], list[float]]:
        """Files of the first player, and their lengths where the times run on over several."""
        source = re.search(r"player #\d+:\s*(.*?)\s*(?:\|player #\d+:|$)", row.cells.get("Source", ""), re.IGNORECASE)
        if source is None:
            return [self._single(row)], []
        names = [name_of(name) for name in source[1].split(";")]
        try:
            stated = [float(length) for length in row.cells.get("Media duration (s)", "").split("|")[0].split(";")]
        except ValueError:
            stated = []
        if len(stated) == len(names) and all(math.isfinite(length) for length in stated):
            if len(set(names)) < len(names):
                raise InputError(f"{row.where}: several files of one name in the queue: {', '.join(names)}")
            return names, [
                math.floor(round(length * 1e6) / 1e3) / 1e3 for length in stated
            ]  # BORIS cuts at milliseconds
        if len(names) > 1:
            raise InputError(f"{row.where}: {len(names)} files one after the other, but {len(stated)} lengths of them")
        return names, []

    def _single(self, row: TableRow) -> str:
        """The file of a row of BORIS 7, whose times run on over queued files of unknown length."""
        named = self.named[row.cells.get("Observation id", "")]
        name = self._file(row)
        if name in ("", "NA", "Not found"):
            raise InputError(f"{row.where}: names no media file ({name or 'empty'}); a live observation has no video")
        queue = [name_of(one) for one in self.queue]
        if (len(queue) > 1 and name != queue[0]) or (not queue and len(named) > 1):
            raise InputError(
                f"{row.where}: times run on over {', '.join(queue or sorted(named))}, and this export does not say how long "
                "each is: export the observation with BORIS 9"
            )
        return name

    @staticmethod
    def _file(row: TableRow) -> str:
        return next((name_of(row.cells[name]) for name in MEDIA if row.cells.get(name)), "")

    def _offset_s(self, row: TableRow) -> float:
        stated = row.cells.get("Time offset (s)") or self.offset
        if stated in ("", "NA"):
            return 0.0
        return TableRow(row.where, {"Time offset (s)": clean(stated)}).number("Time offset (s)")
