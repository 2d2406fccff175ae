"""``mvssl pretrain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app, out
from mvssl.cli._processes import end_with_command, launch


@app.command()
def pretrain(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped one (carl).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. data.root=VIDEOS")] = None,
    output: Annotated[
        Path, typer.Option("-o", help="Folder of the run; the same folder goes on where it stopped.")
    ] = Path("run"),
    show: Annotated[bool, typer.Option("--print", help="Show the resolved configuration and stop.")] = False,
    find_batch_size: Annotated[
        bool, typer.Option("--find-batch-size", help="Take the largest batch that a step has memory for.")
    ] = False,
    num_processes: Annotated[int, typer.Option(min=1, help="Processes on this machine (accelerate launch).")] = 1,
) -> None:
    """Train an encoder on a folder of videos. Resumable; one process or many.

    Example: mvssl pretrain carl data.root=VIDEOS -o run
    """
    from mvssl import config as configuration

    path = configuration.find(config, "pretrain")
    values = configuration.load(path, overrides or [])
    found = ["--find-batch-size"] if find_batch_size else []
    if num_processes > 1 and not show:
        raise typer.Exit(launch(num_processes, ["pretrain", config, *(overrides or []), "-o", str(output), *found]))
    from mvssl.api import pretrain
    from mvssl.distributed import leave
    from mvssl.training import Experiment

    if show:
        experiment = Experiment.from_values(values, str(path))
        typer.echo(configuration.dump(experiment.model_dump(mode="json")), nl=False)
        return
    end_with_command()
    run = pretrain(config, overrides or [], output=output, find_batch_size=find_batch_size)
    leave()
    out.print(f"run: {run}")
