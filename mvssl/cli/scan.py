"""``mvssl scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app, out


@app.command()
def scan(
    videos: Annotated[str, typer.Argument(help="Folder, table or list of videos.")],
    output: Annotated[Path | None, typer.Option("-o", help="Parquet index of the readable videos.")] = None,
) -> None:
    """What is there, what is broken. No labels needed.

    Example: mvssl scan VIDEOS -o videos.parquet
    """
    from mvssl.api import scan

    report = scan(videos, output)
    seconds = sum(video.duration_s for video in report.videos)
    out.print(f"{len(report.videos)} readable videos, {seconds:.1f} s")
    for problem in report.problems:
        out.print(f"  {problem.kind}: {problem.message}")
    if output:
        out.print(f"index: {output}")
