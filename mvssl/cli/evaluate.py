"""``mvssl evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import app, out


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="Run, model or hub id.")],
    dataset: Annotated[str, typer.Argument(help="Folder with videos, videos.csv (with splits) and segments.csv.")],
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("evaluation"),
    supervised: Annotated[str | None, typer.Option(help="Run trained with the labels, for its row.")] = None,
    image_weights: Annotated[
        str, typer.Option(help="ImageNet weights of the controls: package or a file.")
    ] = "package",
    by_action: Annotated[bool, typer.Option(help="Phases within each action (the videos' label).")] = False,
    everything: Annotated[
        bool, typer.Option("--all/--fast", help="Every evaluator the data allows, and cut versions; or the quick ones.")
    ] = False,
    cut_seed: Annotated[int, typer.Option(help="Of the cut versions of --all.")] = 0,
    tables: Annotated[Path | None, typer.Option(help="Embedded frames of backbones, shared by evaluations.")] = None,
) -> None:
    """Tables and plots of metrics, each number beside its controls. What is finished is not computed again.

    Example: mvssl evaluate run DATASET -o evaluation
    """
    check_run(run)
    check_run(supervised)
    check_there(dataset)
    from mvssl.api import evaluate

    found = evaluate(
        run, dataset, output, supervised=supervised, image_weights=image_weights, by_action=by_action,
        everything=everything, cut_seed=cut_seed, tables=tables,
    )  # fmt: skip
    typer.echo(found.table.read_text())
    out.print(f"results {found.results}")
