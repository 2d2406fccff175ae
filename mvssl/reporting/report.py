"""One HTML file that holds a run's story: pictures, the synchronised videos, curves and tables, readable offline."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class Part(NamedTuple):
    """One block of a report. ``kind``: text, table, picture or video."""

    kind: str
    content: Any  # str; (header, rows); Path of a picture; Path of a video
    caption: str = ""


class Chapter(NamedTuple):
    title: str
    parts: Sequence[Part]


def write_report(path: str | Path, title: str, summary: Sequence[str], chapters: Sequence[Chapter]) -> Path:
    """Writes the report; pictures and videos are put into the file itself.

    Args:
        summary: sentences that stand first, for those who read no further.
    """
    path = Path(path)
    blocks = [{"title": c.title, "parts": [_shown(part) for part in c.parts]} for c in chapters]
    template = jinja2.Template((Path(__file__).parent / "report.html").read_text(), autoescape=True)
    path.write_text(template.render(title=title, summary=summary, chapters=blocks))
    return path


def _shown(part: Part) -> dict[str, Any]:
    if part.kind in ("picture", "video"):
        kind = "image/png" if part.kind == "picture" else "video/mp4"
        data = base64.b64encode(Path(part.content).read_bytes()).decode()
        return {"kind": part.kind, "source": f"data:{kind};base64,{data}", "caption": part.caption}
    if part.kind == "table":
        header, rows = part.content
        return {"kind": "table", "header": header, "rows": rows, "caption": part.caption}
    return {"kind": "text", "text": part.content, "caption": part.caption}


def curves(metrics: str | Path, path: str | Path) -> Path:
    """Draws a run's metrics.jsonl: loss, effective rank and how well the clock can be read, over steps."""
    lines = [json.loads(line) for line in Path(metrics).read_text().splitlines()]
    shown = {"loss": "loss", "effective_rank": "effective rank", "clock_r2": "clock (R2)"}
    figure, axes = plt.subplots(1, len(shown), figsize=(10, 2.6), constrained_layout=True)
    for axis, (key, name) in zip(axes, shown.items()):
        rows = [line for line in lines if key in line]
        axis.plot([line["step"] for line in rows], [line[key] for line in rows], color="#1f6f8b", linewidth=1.6)
        axis.set(title=name, xlabel="step")
        axis.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130)
    plt.close(figure)
    path = Path(path)
    path.write_bytes(buffer.getvalue())
    return path


def verdict(rows: Mapping[str, Any], metric: str, words: str, *, method: str = "this run") -> str:
    """A sentence: does the method beat every control by this metric, and by how much."""
    references = (method, "supervised reference")
    controls = {
        name: row[metric]
        for name, row in rows.items()
        if name not in references and isinstance(row, Mapping) and row.get(metric) is not None
    }
    best = max(controls, key=lambda name: controls[name])
    value, other = rows[method][metric], controls[best]
    relation = "beats every control" if value > other else "does not beat every control"
    return f"{words}: the trained encoder {relation} ({value:.3f}; the best control, {best}, {other:.3f})."
