"""``mvssl adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_there
from mvssl.cli._app import app, out


@app.command()
def adapt(
    videos: Annotated[list[str], typer.Argument(help="Folder, table or video files: two or more of one action.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for the recipe, e.g. embed.fps=15. Repeatable.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the run.")] = Path("adapted"),
    minutes: Annotated[float, typer.Option(help="Time it may take; the number of steps follows.")] = 5.0,
    steps: Annotated[int | None, typer.Option(min=1, help="This many steps, whatever time they take.")] = None,
    seed: Annotated[int, typer.Option(help="Of the cut, warped and augmented copies that are measured on.")] = 0,
) -> None:
    """A few minutes of self-training on your own unlabelled videos; says better or not better than zero-shot.

    Example: mvssl adapt VIDEOS -o adapted --minutes 5
    """
    check_there(*videos)
    from mvssl.api import adapt

    sources = videos[0] if len(videos) == 1 else videos
    found = adapt(sources, output, minutes=minutes, steps=steps, overrides=overrides or [], seed=seed)
    typer.echo(found.table)
    typer.echo(found.verdict.words)
    out.print(f"results {found.results}, run {found.run}")
