"""``mvssl app``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import Run, app


@app.command("app")
def page(
    frames: Annotated[str, typer.Argument(help="Folder of tables (mvssl embed), or of videos.")],
    run: Run = None,
    videos: Annotated[Path | None, typer.Option(help="Folder that may be shown, if the videos were moved.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Segments; without it: segments.csv beside the videos.")] = None,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines in: anyone who reaches it sees all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    max_upload_mb: Annotated[float, typer.Option(min=0.0, help="Largest upload, in MB.")] = 500.0,
    output: Annotated[Path, typer.Option("-o", help="Folder of uploads, copies to play, results.")] = Path("page"),
) -> None:
    """The page: scrub, find the same moment elsewhere, play videos side by side, in the browser.

    Example: mvssl app frames --run run
    """
    check_run(run)
    check_there(frames, videos)
    check_there(labels, what="label table")
    from mvssl.api import app

    app(
        frames,
        output,
        run=run,
        videos=videos,
        labels=labels,
        host=host,
        port=port,
        max_upload_mb=max_upload_mb,
    )
