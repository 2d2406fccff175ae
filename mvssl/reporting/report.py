"""One HTML file that holds a run's story: pictures, the synchronised videos, curves and tables, readable offline."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from mvssl import files
from mvssl.statistics import ALPHA, least_units


class Part(NamedTuple):
    """One block of a report.

    ``kind`` and ``content``: ``text`` a string; ``table`` (header, rows); ``picture`` a PNG, or ``wide`` one that a
    phone scrolls; ``pictures`` several (PNG, caption) side by side; ``video`` an MP4; ``terms`` (word, meaning) pairs;
    ``folded`` a long text under its caption, opened by a click.
    """

    kind: str
    content: Any
    caption: str = ""


class Chapter(NamedTuple):
    title: str
    parts: Sequence[Part]


def write_report(path: str | Path, title: str, summary: Sequence[str], chapters: Sequence[Chapter]) -> Path:
    """Writes the report; pictures and videos are put into the file itself.

    Args:
        summary: sentences that stand first, for those who read no further.
    """
    blocks = [{"title": c.title, "parts": [_shown(part) for part in c.parts]} for c in chapters]
    template = jinja2.Template((Path(__file__).parent / "report.html").read_text(), autoescape=True)
    return files.write_text(path, template.render(title=title, summary=summary, chapters=blocks))


def _shown(part: Part) -> dict[str, Any]:
    if part.kind in ("picture", "wide", "video"):
        return {"kind": part.kind, "source": _embedded(part.content), "caption": part.caption}
    if part.kind == "pictures":
        pictures = [{"source": _embedded(path), "caption": caption} for path, caption in part.content]
        return {"kind": part.kind, "pictures": pictures, "caption": part.caption}
    if part.kind == "table":
        header, rows = part.content
        return {"kind": "table", "header": header, "rows": rows, "caption": part.caption}
    return {"kind": part.kind, "content": part.content, "caption": part.caption}


def _embedded(path: str | Path) -> str:
    path = Path(path)
    kind = "video/mp4" if path.suffix == ".mp4" else "image/png"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def verdict(
    rows: Mapping[str, Any],
    metric: str,
    words: str,
    *,
    method: str = "this run",
    chance: tuple[float, int] | None = None,
) -> str:
    """A sentence: does the method beat every control by this metric, by how much, and may that be chance.

    Args:
        chance: p-value against the hardest control, and the number of independent videos or groups.
    """
    references = (method, "supervised reference")
    controls = {
        name: row[metric]
        for name, row in rows.items()
        if name not in references and isinstance(row, Mapping) and row.get(metric) is not None
    }
    best = max(controls, key=lambda name: controls[name])
    value, other = rows[method][metric], controls[best]
    won = value > other
    relation = "beats every control" if won else "does not beat every control"
    sentence = f"{words}: the trained encoder {relation} ({value:.3f}; the best control, {best}, {other:.3f})"
    if not won:
        return sentence + "."
    if chance is None:
        return sentence + "; not tested: no values by video."
    p_value, number = chance
    if number < least_units():
        return f"{sentence}; {number} independent videos or groups are too few to tell that from chance."
    relation = "more than chance gives" if p_value <= ALPHA / 2 else "this may be chance"
    return f"{sentence}; {relation}: p = {p_value:.3f}, {number} independent videos or groups."
