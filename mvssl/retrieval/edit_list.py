"""Matches as lists of in and out points for editing programs: EDL (CMX 3600) and OpenTimelineIO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mvssl import files
from mvssl.errors import InputError

from .match import Match

CLOCK = "SOURCE TIMES: 0 IS THE FIRST FRAME OF THE FILE"
AROUND_S = 1.0  # a single frame becomes this long before it to this long after it


def write_edit_list(
    path: str | Path, matches: Sequence[Match], *, fps: Mapping[str, float] | float = 25.0, title: str = "matches"
) -> Path:
    """Writes the places one after the other, by the ending of the name: ``.edl`` or ``.otio``.

    An EDL has one frame rate for all (the highest) and names the clips in comments; OpenTimelineIO keeps each video's
    own rate and path. Source times are a player's: 0 at the file's first frame, as editing programs count where a file
    holds no time code of its own; both say so.

    Args:
        fps: frames a second, of all videos or by video id.
    """
    path = Path(path)
    if path.suffix not in (".edl", ".otio"):
        raise InputError(f"{path}: in and out points are written as .edl or .otio")
    rate = {m.video: float(fps if isinstance(fps, int | float) else fps[m.video]) for m in matches}
    text = _edl(matches, rate, title) if path.suffix == ".edl" else _otio(matches, rate, title)
    return files.write_text(path, text)


def bounds_s(match: Match) -> tuple[float, float]:
    """In and out point on the player's clock: the range, or a second to both sides of a frame."""
    around = AROUND_S if match.end_s <= match.start_s else 0.0
    return max(0.0, match.start_s - match.first_s - around), match.end_s - match.first_s + around


def timecode(time_s: float, rate: int) -> str:
    """``HH:MM:SS:FF``, counting every frame (no drop)."""
    seconds, frame = divmod(round(time_s * rate), rate)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def _edl(matches: Sequence[Match], rate: Mapping[str, float], title: str) -> str:
    common = round(max(rate.values(), default=25.0))
    lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
    record_s = 0.0
    for number, match in enumerate(matches, start=1):
        start_s, end_s = bounds_s(match)
        until_s = record_s + end_s - start_s
        points = [timecode(time_s, common) for time_s in (start_s, end_s, record_s, until_s)]
        lines.append(f"{number:03d}  AX       V     C        {' '.join(points)}")
        lines.append(f"* FROM CLIP NAME: {match.path or match.video}")
        record_s = until_s
    return "\n".join([*lines, f"* {CLOCK}"]) + "\n"


def _otio(matches: Sequence[Match], rate: Mapping[str, float], title: str) -> str:
    def clip(match: Match) -> dict:
        fps, (start_s, end_s) = rate[match.video], bounds_s(match)
        told = {"rank": match.rank, "distance": match.distance}
        time = {"OTIO_SCHEMA": "RationalTime.1", "rate": fps}
        start = {**time, "value": float(round(start_s * fps))}
        length = {**time, "value": float(max(1, round((end_s - start_s) * fps)))}
        target = Path(match.path).resolve().as_uri() if match.path else match.video
        return {
            "OTIO_SCHEMA": "Clip.1",
            "name": match.video,
            "metadata": {"mvssl": {**told, "time_s": match.time_s, "first_s": match.first_s, "clock": CLOCK}},
            "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": start, "duration": length},
            "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": target},
        }

    children = [clip(match) for match in matches]
    track = {"OTIO_SCHEMA": "Track.1", "name": "video", "kind": "Video", "children": children}
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]}
    return json.dumps({"OTIO_SCHEMA": "Timeline.1", "name": title, "tracks": stack}, indent=1)
