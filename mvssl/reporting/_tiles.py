"""Pictures of video frames with words on them: shared by contact sheets, strips and synchronised videos."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER, FAINT = (238, 238, 238), (24, 26, 30), (120, 124, 132)
ACCENT, WARNING = (255, 176, 32), (232, 93, 80)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def timecode(time_s: float) -> str:
    """``m:ss.mmm`` (``h:mm:ss.mmm`` from an hour on), rounded to the millisecond."""
    sign, total_ms = ("-" if time_s < 0 else ""), round(abs(time_s) * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{start}:{ms // 1000:02d}.{ms % 1000:03d}"


def fitted(size: tuple[int, int], cell: tuple[int, int]) -> tuple[int, int]:
    """Largest (height, width) of a picture of that shape inside a cell (height, width), both at least 2 and even."""
    scale = min(cell[0] / size[0], cell[1] / size[1])
    return max(2, int(size[0] * scale) // 2 * 2), max(2, int(size[1] * scale) // 2 * 2)


def letterboxed(frame: np.ndarray, cell: tuple[int, int]) -> Image.Image:
    """A frame (3, H, W) uint8 that already fits, in the middle of a dark cell (height, width)."""
    canvas = Image.new("RGB", (cell[1], cell[0]), PAPER)
    picture = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
    canvas.paste(picture, ((cell[1] - picture.width) // 2, (cell[0] - picture.height) // 2))
    return canvas


def shortened(text: str, width: int, size: int) -> str:
    """The text, its beginning replaced by an ellipsis where it is wider than ``width`` pixels."""
    face = font(size)
    if face.getlength(text) <= width:
        return text
    while text and face.getlength("..." + text) > width:
        text = text[1:]
    return "..." + text


def write_line(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, *, width: int, size: int, ink: tuple[int, int, int] = INK
) -> None:
    """One line of text with its top left corner at ``at``, cut to ``width`` pixels."""
    draw.text(at, shortened(text, width, size), fill=ink, font=font(size))
