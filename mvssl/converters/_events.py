"""What the readers of behaviour labels share."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import NamedTuple

from mvssl.labels import Segment
from mvssl.rows import clean


class Event(NamedTuple):
    """One labelled stretch of a video, on the clock of a player."""

    video: str  # file name of the media, without its folder
    source: str  # subject (BORIS), tier (ELAN) or attribute (VIA)
    segment: Segment


def name_of(media: str) -> str:
    """File name of a media path or URL, with either kind of slash."""
    return clean(PureWindowsPath(media.strip()).name)
