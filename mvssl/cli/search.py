"""``mvssl search``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mvssl.cli._app import Run, app, out


@app.command()
def search(
    frames: Annotated[str, typer.Argument(help="Folder of tables (mvssl embed), or of videos.")],
    moment: Annotated[str, typer.Argument(help="CLIP.mp4@12.4s, CLIP.mp4@f372 or CLIP.mp4@3s-5s")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many places.")] = 20,
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("found"),
) -> None:
    """The same moment in the other videos: contact sheet and table.

    Example: mvssl search frames CLIP.mp4@12.4s -k 20 -o found
    """
    from mvssl.api import search

    found = search(frames, moment, output, k=k, run=run)
    table = Table("rank", "video", "time (s)", "frame", "distance")
    for match in found.matches:
        table.add_row(str(match.rank), match.video, f"{match.time_s:.3f}", str(match.frame), f"{match.distance:.3f}")
    out.print(table)
    out.print(f"look at {found.sheet} or {found.page}\ntable {found.table}")
