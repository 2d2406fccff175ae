"""``mvssl compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mvssl.cli._app import app, out


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="Folder or file of results (mvssl evaluate).")],
    second: Annotated[Path, typer.Argument(help="Another, measured on the same data.")],
    row: Annotated[str, typer.Option(help="The row to compare.")] = "this run",
) -> None:
    """Two evaluations of the same data, paired video by video.

    p counts how many metrics are compared; units are groups and sessions, else videos. Where nothing differs, a verdict
    other than "not shown" comes up at most once in twenty.

    Example: mvssl compare evaluation-a evaluation-b
    """
    from mvssl.api import compare

    table = Table("metric", "first", "second", "difference", "95 %", "p", "verdict")
    for name, found in compare(first, second, row=row).items():
        low, high = found["interval"]
        numbers = [f"{found[key]:.3f}" for key in ("first", "second", "difference")]
        table.add_row(name, *numbers, f"{low:.3f} to {high:.3f}", f"{found['adjusted']:.3f}", found["verdict"])
    out.print(table, soft_wrap=False)
