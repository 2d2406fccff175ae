"""``mvssl report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import app, out


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run (mvssl pretrain).")],
    dataset: Annotated[
        str | None, typer.Option(help="Videos to show it on; with splits and labels, also numbers.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Segments; without it: segments.csv in the dataset.")] = None,
    supervised: Annotated[str | None, typer.Option(help="Run trained with the labels, for its row.")] = None,
    output: Annotated[Path, typer.Option("-o", help="The HTML file.")] = Path("report.html"),
) -> None:
    """One HTML file of a run: settings, curves, aligned videos, found moments, numbers, in plain words.

    Example: mvssl report run --dataset DATASET -o report.html
    """
    check_there(run, dataset)
    check_there(labels, what="label table")
    check_run(supervised)
    from mvssl.api import report

    out.print(f"report: {report(run, output, dataset=dataset, labels=labels, supervised=supervised)}")
