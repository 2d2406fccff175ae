"""Events of an ELAN document (.eaf)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from mvssl.converters._events import Event, name_of
from mvssl.errors import InputError
from mvssl.labels import Segment
from mvssl.rows import clean

SOUND = {".wav", ".mp3", ".aif", ".aiff", ".m4a", ".flac", ".ogg", ".aac", ".wma"}


def read_elan(path: Path) -> list[Event]:
    """Aligned annotations of all tiers, in seconds of the video: time slot plus TIME_ORIGIN.

    Raises:
        InputError: no XML of ELAN, no video among the media, other units than milliseconds, an annotation without times.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path}: not a whole ELAN document ({error})") from None
    header = root.find("HEADER")
    if header is None:
        raise InputError(f"{path}: no HEADER; not an ELAN document")
    if header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise InputError(f"{path}: times in {header.get('TIME_UNITS')}; only milliseconds are read")
    video, origin = _video(path, header)
    slots = {s.get("TIME_SLOT_ID"): s.get("TIME_VALUE") for s in root.iter("TIME_SLOT")}
    events: list[Event] = []
    for tier in root.iter("TIER"):
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            times = [slots.get(annotation.get(f"TIME_SLOT_REF{i}")) for i in (1, 2)]
            if times[0] is None or times[1] is None:
                raise InputError(f"{path}: {annotation.get('ANNOTATION_ID')} of tier {tier.get('TIER_ID')} has no time")
            start_s, end_s = ((float(time) + origin) / 1000 for time in times if time is not None)
            label = clean(annotation.findtext("ANNOTATION_VALUE") or "")
            if label and end_s > start_s:
                events.append(Event(video, tier.get("TIER_ID", ""), Segment(start_s, end_s, label)))
    return events


def _video(path: Path, header: ElementTree.Element) -> tuple[str, float]:
    """File name and TIME_ORIGIN (milliseconds) of the first video; sound stands for the video it was extracted from."""
    sounds = []
    media: list[tuple[dict[str, str], str]] = [
        (dict(one.attrib), one.get("RELATIVE_MEDIA_URL") or one.get("MEDIA_URL") or "")
        for one in header.iter("MEDIA_DESCRIPTOR")
    ]
    if not media and header.get("MEDIA_FILE"):  # as version 1 wrote it
        media = [({}, str(header.get("MEDIA_FILE")))]
    for about, url in media:
        if url and not _is_sound(about, url):
            return name_of(unquote(url)), float(about.get("TIME_ORIGIN") or 0)
        sounds.append(name_of(unquote(url)))
    for about, _ in media:
        if about.get("EXTRACTED_FROM"):
            return name_of(unquote(about["EXTRACTED_FROM"])), float(about.get("TIME_ORIGIN") or 0)
    if sounds:
        raise InputError(f"{path}: names only sound ({', '.join(sounds)}); link the video in ELAN and save it again")
    raise InputError(f"{path}: names no media file (HEADER/MEDIA_DESCRIPTOR)")


def _is_sound(about: dict[str, str], url: str) -> bool:
    return about.get("MIME_TYPE", "").startswith("audio/") or PureWindowsPath(url).suffix.lower() in SOUND
