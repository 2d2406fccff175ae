"""Trains an encoder on a folder of videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl import config
from mvssl.training import pretrain as run_pretraining


def pretrain(
    configuration: str | Path = "carl",
    overrides: Sequence[str] = (),
    *,
    output: str | Path = "run",
    find_batch_size: bool = False,
    progress: bool = True,
) -> Path:
    """Trains, or goes on with, the run in ``output``.

    Args:
        configuration: a YAML file, or the name of a shipped one (``carl``).
        overrides: ``key=value``, e.g. ``data.root=VIDEOS``.
        find_batch_size: take the largest batch that a step has memory for, and write it into the run's config.yaml.

    Returns:
        The run's folder, which every other command takes as RUN.
    """
    path = config.find(configuration, "pretrain")
    return run_pretraining(
        config.load(path, overrides), output, where=str(path), progress=progress, find_batch_size=find_batch_size
    )
