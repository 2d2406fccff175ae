"""Videos side by side in one file, warped to the time of a reference, or each at its own speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from mvssl.alignment import TimeMap
from mvssl.labels import Segments
from mvssl.series import shown_at
from mvssl.types import Video
from mvssl.video import Decoder, open_video, read_audio, write_video

from ._tiles import ACCENT, FAINT, INK, WARNING, fitted, font, letterboxed, timecode, write_line

CHUNK = 48  # frames decoded at a time: what bounds the memory
BAR, TEXT = 34, 14  # height of the caption under each picture and of its letters, in pixels
Source = Video | str | Path


class _Cell(NamedTuple):
    decoder: Decoder
    name: str
    time_map: TimeMap | None  # None: the reference
    time_s: np.ndarray  # (L,) what the cell shows at each output frame
    moment_s: np.ndarray  # (L,) the same on the reference's clock
    matched: np.ndarray  # (L,) bool; False: nothing corresponds, the last known frame is held, darker
    label: np.ndarray  # (L,) str


def write_synchronised(
    path: str | Path,
    reference: Source,
    queries: Sequence[tuple[Source, TimeMap]],
    *,
    speed: Literal["reference", "own"] = "reference",
    segments: Segments | None = None,
    fps: float | None = None,
    cell_height: int = 320,
    max_width: int = 1920,
    sound: bool = True,
) -> Path:
    """Writes a grid: the reference first, then each query, with names, timecodes, labels and progress bars.

    Pictures of any size, shape and rotation are fitted into equal cells; rates may differ, for each output frame every
    video shows what is on screen at its own time. Frames are decoded in pieces, so memory does not grow with length.

    Args:
        path: the MP4.
        reference: the reference video.
        queries: each query with its map to the reference.
        speed: "reference" warps the queries to the reference's time; "own" plays each at its own speed from the first
            moment that all share, while the bar under each shows where it is in the reference's time.
        segments: labels by video id; the current one is written under each video.
        fps: of the output; None = the reference's, at most 30.
        cell_height: of each picture; widths follow the reference's shape.
        max_width: of the whole grid; cells shrink to keep it.
        sound: keep the reference's sound, if it has any (speed "reference" only: warped sound would mislead).

    Raises:
        VideoError: a video cannot be read.
    """
    path = Path(path)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_video(_openable(source))) for source in (reference, *(q for q, _ in queries))
        ]
        video = opened[0].video
        fps = fps or min(30.0, video.fps)
        cells = _planned(
            opened, [m for _, m in queries], video.id if isinstance(reference, Video) else "", speed, fps, segments
        )
        columns, cell = _grid(len(cells), video, cell_height, max_width)
        audio, rate = None, 48_000
        if sound and speed == "reference" and video.has_audio:
            audio, rate = read_audio(video.path, video.start_s, video.end_s)
            audio = audio[:2] if audio.shape[1] else None
        bounds_s = (video.start_s, video.end_s)
        frames = _frames(cells, columns, cell, bounds_s)
        write_video(path, frames, fps=fps, audio=audio, sample_rate=rate)
    return path


def _openable(source: Source) -> Video | str:
    return source if isinstance(source, Video) else str(source)


def _planned(
    opened, maps: list[TimeMap], ref_id: str, speed: str, fps: float, segments: Segments | None
) -> list[_Cell]:
    """What each cell shows when."""
    ref = opened[0]
    start_s, end_s = ref.video.start_s, ref.video.end_s
    if speed == "reference":
        moment_s = start_s + np.arange(max(1, int(np.ceil((end_s - start_s) * fps - 1e-6)))) / fps
        starts_s, lasts = None, len(moment_s)
    else:
        first_s = max([start_s, *(float(m.ref_time_s[0]) for m in maps)])
        starts_s = [first_s, *(float(m.to_query(first_s, extend=True)) for m in maps)]
        lasts = max(1, int(np.ceil(max(d.video.end_s - s for d, s in zip(opened, starts_s)) * fps - 1e-6)))
    cells = []
    for i, decoder in enumerate(opened):
        time_map = maps[i - 1] if i else None
        if starts_s is None:
            shown_s = moment_s if time_map is None else time_map.to_query(moment_s)
            matched = np.isfinite(shown_s)
            moments = moment_s
            if time_map is not None:
                shown_s = time_map.to_query(moment_s, extend=True)
        else:
            shown_s = starts_s[i] + np.arange(lasts) / fps
            moments = shown_s if time_map is None else time_map.to_reference(shown_s, extend=True)
            within = shown_s < decoder.video.end_s
            matched = within if time_map is None else within & np.isfinite(time_map.to_reference(shown_s))
        last_s = float(decoder.times_s[-1])
        shown_s = np.clip(shown_s, float(decoder.times_s[0]), last_s)
        name = (ref_id or (maps[0].reference if maps else decoder.video.id)) if time_map is None else time_map.query
        label = np.full(lasts, "", dtype=object) if segments is None else segments.at(name, shown_s)
        cells.append(_Cell(decoder, name, time_map, shown_s, moments, matched, label))
    return cells


def _grid(num_cells: int, video: Video, cell_height: int, max_width: int) -> tuple[int, tuple[int, int]]:
    """Number of columns and (height, width) of each picture: the grid nearest to 16 by 9."""
    aspect = video.width / video.height
    aspect = min(max(aspect, 0.5), 2.0)

    def distance(columns: int) -> float:
        rows = -(-num_cells // columns)
        shape = columns * aspect * cell_height / (rows * (cell_height + BAR))
        return abs(np.log(shape / (16 / 9))) + 0.2 * (rows * columns - num_cells)

    columns = min(range(1, num_cells + 1), key=distance)
    width = min(int(cell_height * aspect), max_width // columns)
    return columns, (max(2, int(width / aspect) // 2 * 2), max(2, width // 2 * 2))


def _frames(
    cells: list[_Cell], columns: int, cell: tuple[int, int], bounds_s: tuple[float, float]
) -> Iterator[np.ndarray]:
    rows = -(-len(cells) // columns)
    total = len(cells[0].time_s)
    sizes = [fitted((c.decoder.video.height, c.decoder.video.width), cell) for c in cells]
    for start in range(0, total, CHUNK):
        part = slice(start, min(start + CHUNK, total))
        pictures = [c.decoder.frames_at(c.time_s[part], size=size) for c, size in zip(cells, sizes)]
        for i in range(part.stop - start):
            sheet = Image.new("RGB", (columns * cell[1], rows * (cell[0] + BAR)))
            for k, (one, frames) in enumerate(zip(cells, pictures)):
                tile = _tile(one, frames[i], start + i, cell, bounds_s)
                sheet.paste(tile, ((k % columns) * cell[1], (k // columns) * (cell[0] + BAR)))
            yield np.asarray(sheet)


def _tile(one: _Cell, frame: np.ndarray, i: int, cell: tuple[int, int], bounds_s: tuple[float, float]) -> Image.Image:
    height, width = cell
    picture = letterboxed(frame, cell)
    if one.time_map is not None and one.time_map.mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if not one.matched[i]:
        picture = ImageEnhance.Brightness(picture).enhance(0.35)
    tile = Image.new("RGB", (width, height + BAR), (12, 13, 15))
    tile.paste(picture, (0, 0))
    draw = ImageDraw.Draw(tile)
    number = int(shown_at(one.decoder.times_s, one.time_s[i]))
    right = f"{timecode(one.time_s[i])}  f{number}"
    room = int(draw.textlength(right, font=None) * TEXT / 9) + 12
    write_line(
        draw, (6, height + 4), one.name, width=width - room - 10, size=TEXT, ink=ACCENT if one.time_map is None else INK
    )
    draw.text((width - 6, height + 4), right, fill=INK, font=_caption_font(), anchor="ra")
    if one.label[i]:
        _badge(draw, (6, 6), str(one.label[i]), ACCENT)
    if not one.matched[i]:
        _badge(draw, (6, height - 26), "no matching moment" if one.time_map is not None else "ended", WARNING)
    share = (one.moment_s[i] - bounds_s[0]) / max(bounds_s[1] - bounds_s[0], 1e-9)
    top = height + BAR - 8
    draw.rectangle((6, top, width - 7, top + 3), fill=(60, 63, 70))
    draw.rectangle(
        (6, top, 6 + int((width - 13) * min(max(share, 0.0), 1.0)), top + 3), fill=ACCENT if one.matched[i] else FAINT
    )
    return tile


def _caption_font():
    return font(TEXT)


def _badge(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: tuple[int, int, int]) -> None:
    left, top, right, bottom = draw.textbbox(at, text, font=_caption_font())
    draw.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=(12, 13, 15))
    draw.text(at, text, fill=ink, font=_caption_font())
