"""``mvssl submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    from mvssl.training import Experiment

    path = configuration.find(config, "pretrain")
    Experiment.from_values(configuration.load(path, overrides or []), str(path))  # before anything waits in a queue
    executor = _executor(
        logs, "local" if local else "slurm", requeue, slurm or [],
        name=f"mvssl-{output.name}", nodes=nodes, tasks_per_node=processes_per_node, timeout_min=minutes,
        gpus_per_node=processes_per_node if gpus_per_node is None else gpus_per_node, cpus_per_task=cpus_per_process,
    )  # fmt: skip
    job = executor.submit(Pretraining(config, overrides or [], output))
    out.print(f"job {job.job_id}: logs in {logs}, run in {output}")
    if local:
        job.results()
        out.print(f"run: {output}")


class Pretraining:
    """``mvssl pretrain`` as a job of submitit: called in every process of the job."""

    def __init__(self, config: str, overrides: list[str], output: Path):
        self.config, self.overrides, self.output = config, overrides, output

    def __call__(self) -> None:
        from submitit.helpers import TorchDistributedEnvironment

        from mvssl.api import pretrain
        from mvssl.distributed import leave

        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        pretrain(self.config, self.overrides, output=self.output, progress=False)
        leave()

    def checkpoint(self) -> Any:
        """The job that is put back in the place of an interrupted one: the same, since a run goes on where it stopped."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _executor(logs: Path, cluster: str, requeue: int, slurm: list[str], **parameters: Any) -> Any:
    import yaml

    from mvssl.errors import ConfigError

    try:
        from submitit import AutoExecutor
    except ImportError:
        raise ConfigError("mvssl submit: needs submitit; install it with pip install 'mvssl[cluster]'") from None
    for pair in slurm:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigError(f"--slurm {pair!r}: is written key=value, e.g. partition=gpu")
        parameters[f"slurm_{key}"] = yaml.safe_load(value)
    try:
        executor = AutoExecutor(logs, cluster=cluster, **{f"{cluster}_max_num_timeout": requeue})
        executor.update_parameters(**parameters)
    except (
        RuntimeError,
        NameError,
        ValueError,
    ) as error:  # no sbatch here; an unknown key; more than one node with --local
        raise ConfigError(f"mvssl submit: {' '.join(str(error).split())}; --local runs on this machine") from None
    return executor
