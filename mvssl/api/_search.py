"""The same moment in every other video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl import files
from mvssl.api._embed import embed
from mvssl.api._index import open_index
from mvssl.brief import brief_repr
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.frames import SUFFIX, Frames, VideoFrames
from mvssl.reporting.contact_sheet import contact_tiles, write_contact_page, write_contact_sheet
from mvssl.retrieval import ExactIndex, Index, Match, Moment, parse_moment, write_edit_list, write_matches
from mvssl.retrieval import search as search_frames


class SearchResult(NamedTuple):
    """What ``search`` made."""

    matches: list[Match]  # nearest first
    table: Path  # matches.csv
    sheet: Path  # contact_sheet.png
    page: Path  # contact_sheet.html
    edits: Path | None = None  # matches.edl; None where nothing was found
    bad: Sequence[InputError] = ()  # videos or tables that could not be read and were left out

    def __repr__(self) -> str:
        return brief_repr(self)


def search(
    frames: str | Path | Frames | Index,
    moment: str | Sequence[str],
    output: str | Path,
    *,
    k: int = 20,
    run: str | Path | Model | None = None,
    minus: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    merge_within_s: float = 1.0,
    exclude_session: bool = True,
) -> SearchResult:
    """Finds a moment (``CLIP.mp4@12.4s``, ``CLIP.mp4@f372``, ``CLIP.mp4@3s-5s``) in the other videos.

    Seconds of a moment are a player's: 0 at the file's first frame. Writes matches as csv and parquet (times on the file's
    clock; minus ``first_s`` a player's), in and out points as edl and otio (a player's), and a contact sheet as png and html.

    Args:
        frames: a folder of tables (``mvssl embed``; large ones need ``mvssl index``), an ``.lance`` index, or a folder
            of videos, which is then embedded into ``output/frames`` first.
        moment: the clip is an id of the table or the path of a video in it; several are examples of one thing.
        run: the model for a folder of videos; None: zero-shot.
        minus: examples of what is not wanted.
        where: fields that a video must have: session, camera, group, split, label.
        merge_within_s: of places of one video this close to each other only the nearest is given.
        exclude_session: leave out the other cameras of the same session.
    """
    output = Path(output)
    files.make_folder(output)
    bad: list[InputError] = []
    index = frames if not isinstance(frames, str | Path | Frames) else _index(frames, output, run, bad)
    moments = [moment] if isinstance(moment, str) else list(moment)
    options = {"k": k, "minus": minus, "where": where, "merge_within_s": merge_within_s}
    matches = search_frames(index, moments, exclude_session=exclude_session, **options)  # type: ignore[arg-type]
    for ending in ("csv", "parquet"):
        write_matches(output / f"matches.{ending}", matches)
    videos = index.read(sorted({match.video for match in matches}))
    fps = {video.video: _rate(video) for video in videos}
    edits = [write_edit_list(output / f"matches.{ending}", matches, fps=fps) for ending in ("edl", "otio") if matches]
    asked = [parse_moment(text, index) for text in moments]
    tiles = contact_tiles([_as_match(index.find(one.video), one) for one in asked], matches)
    sheet = write_contact_sheet(output / "contact_sheet.png", tiles)
    page = write_contact_page(output / "contact_sheet.html", tiles)
    return SearchResult(matches, output / "matches.csv", sheet, page, edits[0] if edits else None, bad)


def _index(frames: str | Path | Frames, output: Path, run: str | Path | Model | None, bad: list[InputError]) -> Index:
    if isinstance(frames, Frames):
        return ExactIndex(frames)
    folder = Path(frames)
    if str(frames).endswith(".lance") or any(folder.glob("*" + SUFFIX)):
        return open_index(frames, bad=bad)
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; give one of tables (mvssl embed) or one of videos")
    return ExactIndex(embed(run, folder, output / "frames", bad=bad))


def _rate(video: VideoFrames) -> float:
    """Frames a second of the file, from the frames that were embedded."""
    if len(video.time_s) < 2:
        return 25.0
    return round(float(np.ptp(video.frame) / np.ptp(video.time_s)), 3)


def _as_match(video: VideoFrames, asked: Moment) -> Match:
    middle = (asked.start_s + asked.end_s) / 2
    row = int(abs(video.time_s - middle).argmin())
    return Match(
        0, video.video, int(video.frame[row]), float(video.time_s[row]), asked.start_s, asked.end_s, 0.0,
        video.session, video.camera, video.path, video.first_s,
    )  # fmt: skip
