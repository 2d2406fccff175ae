"""A folder of videos as it is found: what is taken as a video, and everything else, with the reason why it is not."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from mvssl.types import Video

from .picture_folder import PICTURES
from .suffixes import SUFFIXES

SYSTEM = re.compile(
    r"(\..*|@eadir|@.*|#recycle|#snapshot|\$recycle\.bin|system volume information|lost\+found|__macosx|thumbs\.db|desktop\.ini)",
    re.IGNORECASE,
)  # of file systems, storage boxes, macOS and Windows; whatever begins with a dot


class Skipped(NamedTuple):
    """An entry of a folder that is not read as a video."""

    path: str  # relative to the folder; folders end in "/"
    reason: str


def walk(root: Path) -> tuple[list[Video], list[Skipped]]:
    """Video files, and folders of numbered pictures, under a folder, sorted by name; and every other entry.

    Links to files are followed, links to folders are not (they may lead round in a circle, or to the same videos again).
    """
    videos: list[Video] = []
    skipped: list[Skipped] = []

    def name_of(path: str | Path) -> str:
        return Path(path).relative_to(root).as_posix()

    def unreadable(error: OSError) -> None:
        where = name_of(error.filename) if error.filename else "."
        skipped.append(Skipped(f"{where}/", f"folder that cannot be read ({error.strerror})"))

    for here, folders, names in os.walk(root, onerror=unreadable):
        for folder in list(folders):
            reason = _not_entered(Path(here) / folder)
            if reason:
                folders.remove(folder)
                skipped.append(Skipped(f"{name_of(Path(here) / folder)}/", reason))
        folders.sort()
        reasons = {name: _not_read(Path(here) / name) for name in names}
        taken = [name for name in names if not reasons[name]]
        pictures = [name for name in names if reasons[name] == _PICTURE]
        if _is_numbered(pictures) and not taken and Path(here) != root:
            videos.append(Video(name_of(here), here))
            reasons = {name: reason for name, reason in reasons.items() if reason != _PICTURE}
        videos += [Video(name_of(Path(here) / name), str(Path(here) / name)) for name in taken]
        skipped += [Skipped(name_of(Path(here) / name), reason) for name, reason in reasons.items() if reason]
    return sorted(videos), sorted(skipped)


_PICTURE = "picture, not one of a folder of numbered ones alone"


def _is_numbered(pictures: list[str]) -> bool:
    return len(pictures) >= 2 and all(re.search(r"\d", name) for name in pictures)


def _not_entered(folder: Path) -> str:
    if SYSTEM.fullmatch(folder.name):
        return "hidden or system folder"
    if folder.is_symlink():
        return "link to a folder, not followed; name that folder itself"
    return ""


def _not_read(path: Path) -> str:
    if SYSTEM.fullmatch(path.name):
        return "hidden or system file"
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return _PICTURE
    if suffix not in SUFFIXES:
        return f"extension {suffix}" if suffix else "no extension"
    if path.exists() and not path.is_file():
        return "pipe, socket or device"
    return ""  # also a link that leads nowhere: opening it says so
