"""Training as a Slurm job; put back after a time limit or preemption, it goes on with its run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mvssl import config
from mvssl.errors import ConfigError


def submit(
    configuration: str,
    overrides: Sequence[str] = (),
    *,
    output: str | Path = "run",
    nodes: int = 1,
    processes_per_node: int = 1,
    gpus_per_node: int | None = None,
    cpus_per_process: int | None = None,
    minutes: int = 60,
    requeue: int = 10,
    slurm: Sequence[str] = (),
    logs: str | Path = "logs",
    local: bool = False,
) -> Any:
    """Puts a pretraining into the queue (extra ``cluster``).

    Args:
        configuration, overrides: as of ``pretrain``; checked before anything waits in a queue.
        output: folder of the run, seen by every node.
        nodes, processes_per_node: machines, and processes on each, one GPU each.
        gpus_per_node: other than one for each process; 0: on CPUs.
        cpus_per_process: cores for each process.
        minutes: time limit of the job.
        requeue: how often a job that ran out of time is put back to go on with its run.
        slurm: ``key=value`` for sbatch, e.g. ``partition=gpu``.
        logs: folder of what the jobs say, seen by every node.
        local: processes on this machine instead.

    Returns:
        submitit's job: ``job_id``; ``results()`` waits for its end.

    Raises:
        ConfigError: a configuration or setting that is wrong, no submitit, no Slurm on this machine.
    """
    from mvssl.training import Experiment

    path, output = config.find(configuration, "pretrain"), Path(output)
    Experiment.from_values(config.load(path, list(overrides)), str(path))
    executor = _executor(
        Path(logs), "local" if local else "slurm", requeue, slurm,
        name=f"mvssl-{output.name}", nodes=nodes, tasks_per_node=processes_per_node, timeout_min=minutes,
        gpus_per_node=processes_per_node if gpus_per_node is None else gpus_per_node, cpus_per_task=cpus_per_process,
    )  # fmt: skip
    return executor.submit(Pretraining(configuration, list(overrides), output))


class Pretraining:
    """``mvssl pretrain`` as a job of submitit: called in every process of the job."""

    def __init__(self, config: str, overrides: list[str], output: Path):
        self.config, self.overrides, self.output = config, overrides, output

    def __call__(self) -> None:
        from submitit.helpers import TorchDistributedEnvironment

        from mvssl.api._pretrain import pretrain
        from mvssl.distributed import leave

        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        pretrain(self.config, self.overrides, output=self.output, progress=False)
        leave()

    def checkpoint(self) -> Any:
        """The job that is put back in the place of an interrupted one: the same, since a run goes on where it stopped."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _executor(logs: Path, cluster: str, requeue: int, slurm: Sequence[str], **parameters: Any) -> Any:
    import yaml

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
