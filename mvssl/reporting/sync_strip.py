"""Before and after: what each camera shows at the same instants, by its own clock and by the found offset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mvssl import files
from mvssl.alignment import Offset
from mvssl.video import Decoder, open_video

from ._tiles import ACCENT, FAINT, INK, PAPER, fitted, letterboxed, timecode, write_line

GAP, LINE, TEXT = 6, 18, 13


def write_sync_strip(
    path: str | Path, offsets: Sequence[Offset], *, num_instants: int = 8, cell: tuple[int, int] = (110, 150)
) -> Path:
    """Writes a PNG: a row for the reference, and for each camera one row before and one after the correction.

    The instants are spread over what the reference and all cameras share by the offsets found (over the reference alone,
    where they share nothing). Where a camera had not begun or was over, the cell stays empty and says so.

    Args:
        path: the PNG.
        offsets: of one reference; ``reference`` and ``camera`` are paths of videos.
        num_instants: columns.
        cell: (height, width) of each picture, pixels.

    Raises:
        VideoError: a video cannot be read.
    """
    with ExitStack() as stack:
        reference = stack.enter_context(open_video(offsets[0].reference))
        cameras = [stack.enter_context(open_video(found.camera)) for found in offsets]
        instants_s = _shared(reference, cameras, offsets, num_instants)
        rows = [(f"{Path(offsets[0].reference).name} (reference)", ACCENT, _cells(reference, instants_s, cell))]
        for found, camera in zip(offsets, cameras):
            name = Path(found.camera).name
            after_s = (instants_s - found.offset_s) / found.rate
            words = (
                f"{name}, corrected: {found.offset_s:+.3f} s, rate {found.rate:.4f}, confidence {found.confidence:.2f}"
            )
            rows.append((f"{name}, by its own clock", FAINT, _cells(camera, instants_s, cell)))
            rows.append((words, INK, _cells(camera, after_s, cell)))
    width = GAP + num_instants * (cell[1] + GAP)
    sheet = Image.new("RGB", (width, GAP + len(rows) * (cell[0] + 2 * LINE + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (title, ink, cells) in enumerate(rows):
        top = GAP + i * (cell[0] + 2 * LINE + GAP)
        write_line(draw, (GAP, top), title, width=width - 2 * GAP, size=TEXT, ink=ink)
        for k, (picture, caption) in enumerate(cells):
            left = GAP + k * (cell[1] + GAP)
            sheet.paste(picture, (left, top + LINE))
            write_line(draw, (left, top + LINE + cell[0] + 2), caption, width=cell[1], size=TEXT - 2, ink=FAINT)
    with files.whole_file(path) as temporary:
        sheet.save(temporary)
    return Path(path)


def _shared(reference: Decoder, cameras: Sequence[Decoder], offsets: Sequence[Offset], num_instants: int) -> np.ndarray:
    """(num_instants,) seconds of the reference, in the middle of equal parts of the shared stretch."""
    start_s, end_s = first, last = reference.video.start_s, reference.video.end_s
    for found, camera in zip(offsets, cameras):
        first = max(first, found.offset_s + found.rate * camera.video.start_s)
        last = min(last, found.offset_s + found.rate * camera.video.end_s)
    if last <= first:
        first, last = start_s, end_s
    return first + (np.arange(num_instants) + 0.5) / num_instants * (last - first)


def _cells(decoder: Decoder, time_s: np.ndarray, cell: tuple[int, int]) -> list[tuple[Image.Image, str]]:
    video = decoder.video
    shown = (time_s >= decoder.times_s[0]) & (time_s < video.end_s)
    size = fitted((video.height, video.width), cell)
    frames = iter(decoder.frames_at(time_s[shown], size=size) if shown.any() else ())
    empty = Image.new("RGB", (cell[1], cell[0]), PAPER)
    return [
        (letterboxed(next(frames), cell), timecode(float(at))) if there else (empty, f"not recorded at {at:.2f} s")
        for at, there in zip(time_s, shown)
    ]
