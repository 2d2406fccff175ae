"""``mvssl submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app, out


@app.command()
def submit(
    config: Annotated[str, typer.Argument(help="As in mvssl pretrain: YAML file, or the name of a shipped one.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. data.root=VIDEOS")] = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the run, seen by every node.")] = Path("run"),
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    processes_per_node: Annotated[int, typer.Option(min=1, help="Processes on each, one GPU each.")] = 1,
    gpus_per_node: Annotated[
        int | None, typer.Option(min=0, help="Other than one for each process; 0: on CPUs.")
    ] = None,
    cpus_per_process: Annotated[int | None, typer.Option(min=1, help="Cores for each process.")] = None,
    minutes: Annotated[int, typer.Option(min=1, help="Time limit of the job.")] = 60,
    requeue: Annotated[
        int, typer.Option(min=0, help="How often a job that ran out of time is put back to go on with its run.")
    ] = 10,
    slurm: Annotated[
        list[str] | None, typer.Option(help="key=value for sbatch, e.g. partition=gpu; may be repeated.")
    ] = None,
    logs: Annotated[Path, typer.Option(help="Folder of what the jobs say, seen by every node.")] = Path("logs"),
    local: Annotated[bool, typer.Option("--local", help="Processes on this machine instead; waits for them.")] = False,
) -> None:
    """Train as a Slurm job (needs the extra `cluster`); put back after a time limit or preemption, it goes on with its run.

    Example: mvssl submit carl data.root=VIDEOS -o run --nodes 2 --processes-per-node 8 --minutes 600 --slurm partition=gpu
    """
    from mvssl import config as configuration

    configuration.load(
        configuration.find(config, "pretrain"), overrides or []
    )  # a wrong word is said before torch is loaded
    from mvssl.api import submit

    job = submit(
        config, overrides or [], output=output, nodes=nodes, processes_per_node=processes_per_node,
        gpus_per_node=gpus_per_node, cpus_per_process=cpus_per_process, minutes=minutes, requeue=requeue,
        slurm=slurm or [], logs=logs, local=local,
    )  # fmt: skip
    out.print(f"job {job.job_id}: logs in {logs}, run in {output}")
    if local:
        job.results()
        out.print(f"run: {output}")
