"""``mvssl index``."""

from __future__ import annotations

from typing import Annotated

import typer

from mvssl.arguments import check_there
from mvssl.cli._app import app, out, tell_aside


@app.command()
def index(
    frames: Annotated[str, typer.Argument(help="Folder of tables (mvssl embed).")],
    output: Annotated[
        str | None, typer.Option("-o", help="Where: folder or s3://...; default FRAMES/index.lance")
    ] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train again, after the collection changed much.")] = False,
) -> None:
    """Make many frames searchable, on disk. Again after adding or removing videos; a killed run continues.

    Example: mvssl index frames
    """
    check_there(frames)
    from mvssl.api import index

    found = index(frames, output=output, retrain=retrain)
    tell_aside(found.bad)
    words = f"{len(found.added)} videos added, {len(found.deleted)} deleted"
    out.print(f"{found.num_videos} videos, {found.num_frames} frames: {found.path} ({words})")
