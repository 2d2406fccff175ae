"""What a search found, to look at: a sheet of pictures (PNG) and a page on which a click plays the place."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import jinja2
import numpy as np
from PIL import Image, ImageDraw

from mvssl import files
from mvssl.errors import InputError, VideoError
from mvssl.retrieval import Match
from mvssl.video import open_video

from ._tiles import ACCENT, FAINT, INK, PAPER, WARNING, fitted, font, letterboxed, timecode, write_line

CAPTION, TEXT = 40, 13
AROUND_S = 1.0  # a single frame is played from this long before it to this long after it


class Tile(NamedTuple):
    """One picture of the sheet."""

    picture: Image.Image
    heading: str
    detail: str
    is_query: bool
    path: str
    start_s: float
    end_s: float


def contact_tiles(
    query: Match | Sequence[Match], matches: Sequence[Match], *, size: tuple[int, int] = (180, 240)
) -> list[Tile]:
    """The pictures of the query (as a ``Match`` of rank 0 and distance 0) and of the matches.

    Times are a player's: 0 at the file's first frame. A range shows its first, middle and last frame side by side. A video
    that cannot be read gives a tile that says so.

    Args:
        query: where the examples are.
        matches: what was found; ``path`` of each must lead to its video.
        size: (height, width) of each picture.
    """
    queries = [query] if isinstance(query, Match) else list(query)
    pictures: dict[int, Image.Image] = {}
    places = queries + list(matches)
    for path in dict.fromkeys(place.path for place in places):
        rows = [i for i, place in enumerate(places) if place.path == path]
        pictures.update(zip(rows, _pictures(path, [places[i] for i in rows], size)))
    tiles = []
    for i, place in enumerate(places):
        is_query = i < len(queries)
        start_s, end_s = place.start_s - place.first_s, place.end_s - place.first_s
        where = timecode(place.time_s - place.first_s)
        if end_s > start_s:
            where = f"{timecode(start_s)} - {timecode(end_s)}"
        detail = f"{where}  f{place.frame}" + ("" if is_query else f"  d {place.distance:.3f}")
        heading = f"query: {place.video}" if is_query else f"{place.rank}. {place.video}"
        tiles.append(Tile(pictures[i], heading, detail, is_query, place.path, start_s, end_s))
    return tiles


def write_contact_sheet(path: str | Path, tiles: Sequence[Tile], *, columns: int = 5) -> Path:
    """Writes the tiles as one PNG, in reading order; the query is framed."""
    path = _checked(path, ".png", tiles)
    height, width = tiles[0].picture.height, tiles[0].picture.width
    columns = min(columns, len(tiles))
    gap, rows = 8, -(-len(tiles) // columns)
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + rows * (height + CAPTION + gap)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, tile in enumerate(tiles):
        left, top = gap + (i % columns) * (width + gap), gap + (i // columns) * (height + CAPTION + gap)
        sheet.paste(tile.picture, (left, top))
        if tile.is_query:
            draw.rectangle((left - 3, top - 3, left + width + 2, top + height + 2), outline=ACCENT, width=3)
        write_line(
            draw, (left, top + height + 4), tile.heading, width=width, size=TEXT, ink=ACCENT if tile.is_query else INK
        )
        write_line(draw, (left, top + height + 21), tile.detail, width=width, size=TEXT - 1, ink=FAINT)
    with files.whole_file(path) as temporary:
        sheet.save(temporary)
    return path


def write_contact_page(path: str | Path, tiles: Sequence[Tile], *, title: str = "The same moment elsewhere") -> Path:
    """Writes one HTML file that holds the pictures; a click plays the place from the video, which stays where it is.

    The links to the videos are relative to the page, so that page and videos can be moved together.
    """
    path = _checked(path, ".html", tiles)
    cards = []
    for tile in tiles:
        buffer = io.BytesIO()
        tile.picture.save(buffer, "JPEG", quality=85)
        around = AROUND_S if tile.end_s <= tile.start_s else 0.0
        try:
            link = quote(os.path.relpath(tile.path, path.parent).replace(os.sep, "/"))
        except ValueError:  # another drive
            link = Path(tile.path).resolve().as_uri()
        cards.append(
            {
                "heading": tile.heading,
                "detail": tile.detail,
                "is_query": tile.is_query,
                "picture": base64.b64encode(buffer.getvalue()).decode(),
                "link": link,
                "start_s": max(0.0, tile.start_s - around),
                "end_s": tile.end_s + around,
            }
        )
    page = jinja2.Environment(autoescape=True).from_string(_PAGE).render(title=title, cards=cards)
    return files.write_text(path, page)


def _pictures(path: str, places: list[Match], size: tuple[int, int]) -> list[Image.Image]:
    """The pictures of places in one video, decoded in one pass."""
    try:
        with open_video(path) as decoder:
            first_s, last_s = float(decoder.times_s[0]), float(decoder.times_s[-1])
            wanted = [np.clip(_times_of(place), first_s, last_s) for place in places]
            shape, shown, used = (decoder.video.height, decoder.video.width), [], 0
            inner = [fitted(shape, (size[0], size[1] // len(times))) for times in wanted]
            for one in dict.fromkeys(inner):
                rows = [i for i, other in enumerate(inner) if other == one]
                frames = decoder.frames_at(np.concatenate([wanted[i] for i in rows]), size=one)
                used = 0
                for i in rows:
                    shown.append((i, frames[used : used + len(wanted[i])]))
                    used += len(wanted[i])
    except VideoError as error:
        return [_unreadable(str(error), size)] * len(places)
    return [_side_by_side(frames, size) for _, frames in sorted(shown, key=lambda pair: pair[0])]


def _times_of(place: Match) -> np.ndarray:
    if place.end_s > place.start_s:
        return np.array([place.start_s, place.time_s, place.end_s])
    return np.array([place.time_s])


def _side_by_side(frames: np.ndarray, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGB", (size[1], size[0]), PAPER)
    width = size[1] // len(frames)
    for i, frame in enumerate(frames):
        canvas.paste(letterboxed(frame, (size[0], width)), (i * width, 0))
    return canvas


def _unreadable(words: str, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGB", (size[1], size[0]), (40, 42, 48))
    draw = ImageDraw.Draw(canvas)
    draw.text((8, 8), "cannot be read", fill=WARNING, font=font(TEXT))
    per_line = max(10, (size[1] - 16) // 7)
    for k in range(min(6, -(-len(words) // per_line))):
        draw.text((8, 30 + 16 * k), words[k * per_line : (k + 1) * per_line], fill=INK, font=font(TEXT - 2))
    return canvas


def _checked(path: str | Path, suffix: str, tiles: Sequence[Tile]) -> Path:
    path = Path(path)
    if path.suffix != suffix:
        raise InputError(f"{path}: this is written as {suffix}")
    if not tiles:
        raise InputError(f"{path}: no picture to show")
    return path


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { background: #181a1e; color: #eee; font: 15px/1.4 system-ui, sans-serif; margin: 1rem; }
h1 { font-size: 1.2rem; font-weight: 600; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(240px, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; } figure.query img, figure.query video { outline: 3px solid #ffb020; }
button { all: unset; cursor: pointer; display: block; width: 100%; } button:focus-visible { outline: 3px solid #40e0d0; }
img, video { width: 100%; display: block; border-radius: 3px; background: #000; }
figcaption { overflow-wrap: anywhere; padding-top: .3rem; } small { color: #a0a4ac; }
</style></head><body><h1>{{ title }}</h1><main>
{% for card in cards %}<figure{% if card.is_query %} class="query"{% endif %}>
<button data-link="{{ card.link }}" data-start="{{ '%.3f' % card.start_s }}" data-end="{{ '%.3f' % card.end_s }}"
 aria-label="play {{ card.heading }}"><img alt="{{ card.heading }}, {{ card.detail }}"
 src="data:image/jpeg;base64,{{ card.picture }}"></button>
<figcaption>{{ card.heading }}<br><small>{{ card.detail }}</small></figcaption></figure>
{% endfor %}</main>
<script>
for (const button of document.querySelectorAll("button")) button.addEventListener("click", () => {
  const start = Number(button.dataset.start), end = Number(button.dataset.end);
  let video = button.querySelector("video");
  if (!video) {
    video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.src = button.dataset.link + "#t=" + start + "," + end;
    video.addEventListener("timeupdate", () => { if (video.currentTime >= end) { video.pause(); } });
    video.addEventListener("error", () => {
      button.nextElementSibling.append(" (this browser cannot play " + button.dataset.link + ")");
    });
    button.replaceChildren(video);
  }
  video.currentTime = start; video.play();
});
</script></body></html>
"""
