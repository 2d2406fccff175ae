"""``mvssl data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app


@app.command()
def data(
    name: Annotated[
        str, typer.Argument(help="ae2, behaviour, carl, finegym, ikea_asm, penn_action, pouring or something.")
    ],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="What it reads. Without any: prints which files those are.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of videos.csv and segments.csv.")] = Path("dataset"),
    fps: Annotated[float | None, typer.Option(help="Frames per second, where the data set does not say.")] = None,
    classes: Annotated[int | None, typer.Option(help="FineGym: 99 or 288.")] = None,
    only: Annotated[str | None, typer.Option(help="Behaviour: subject, tier or attribute to read.")] = None,
) -> None:
    """A public data set, as published, or behaviour labels, to tables.

    Example: mvssl data finegym annotations FineGym_Raw_database -o gym99
    """
    from mvssl.api import data
    from mvssl.converters import layout

    if not paths:
        typer.echo(layout(name))
        return
    data(name, paths, output, fps=fps, classes=classes, only=only)
