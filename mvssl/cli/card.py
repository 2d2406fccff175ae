"""``mvssl card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_there
from mvssl.cli._app import app, out


@app.command()
def card(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or of a model.")],
    results: Annotated[
        Path | None, typer.Option(help="results.json of its evaluation. Default: the one in the run's folder.")
    ] = None,
) -> None:
    """The model card (README.md beside the weights), written anew, with the numbers and controls of an evaluation.

    Example: mvssl card run --results evaluation/results.json
    """
    check_there(run, results)
    from mvssl.api import card

    found = card(run, results=results)
    numbers = "not evaluated: give --results" if found.results is None else f"numbers of {found.results}"
    out.print(f"{', '.join(map(str, found.paths))}: {numbers}")
