"""The same moment in every other video."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mvssl.api._embed import embed
from mvssl.api._models import model_for
from mvssl.embedding import Frames, Model, read_frames
from mvssl.embedding.tables import SUFFIX
from mvssl.errors import InputError
from mvssl.reporting.contact_sheet import contact_tiles, write_contact_page, write_contact_sheet
from mvssl.retrieval import Match, parse_moment, write_matches
from mvssl.retrieval import search as search_frames


class Found(NamedTuple):
    """What ``search`` made."""

    matches: list[Match]  # nearest first
    table: Path  # matches.csv
    sheet: Path  # contact_sheet.png
    page: Path  # contact_sheet.html


def search(
    frames: str | Path | Frames,
    moment: str,
    output: str | Path,
    *,
    k: int = 20,
    run: str | Path | Model | None = None,
    exclude_session: bool = True,
) -> Found:
    """Finds a moment (``CLIP.mp4@12.4s``, ``CLIP.mp4@f372``, ``CLIP.mp4@3s-5s``) in the other videos.

    Args:
        frames: a folder of tables (``mvssl embed``), or a folder of videos, which is then embedded into
            ``output/frames`` first.
        moment: the clip is an id of the table or the path of a video in it.
        run: the model for a folder of videos; None: zero-shot.
        exclude_session: leave out the other cameras of the same take.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    table = frames if isinstance(frames, Frames) else _tables(Path(frames), output, run)
    matches = search_frames(table, moment, k=k, exclude_session=exclude_session)
    asked = parse_moment(moment, table)
    query = _as_match(table, asked)
    for ending in ("csv", "parquet"):
        write_matches(output / f"matches.{ending}", matches)
    tiles = contact_tiles(query, matches)
    sheet = write_contact_sheet(output / "contact_sheet.png", tiles)
    page = write_contact_page(output / "contact_sheet.html", tiles)
    return Found(matches, output / "matches.csv", sheet, page)


def _tables(folder: Path, output: Path, run: str | Path | Model | None) -> Frames:
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; give one of tables (mvssl embed) or one of videos")
    if folder.is_dir() and any(folder.glob("*" + SUFFIX)):
        return read_frames(folder)
    return embed(run if isinstance(run, Model) else model_for(run), folder, output / "frames")


def _as_match(table: Frames, asked) -> Match:
    video = table[asked.video]
    middle = (asked.start_s + asked.end_s) / 2
    row = int(abs(video.time_s - middle).argmin())
    return Match(
        0, video.video, int(video.frame[row]), float(video.time_s[row]), asked.start_s, asked.end_s, 0.0,
        video.session, video.camera, video.path,
    )  # fmt: skip
