"""Runs with a batch that is not finite on the second of two processes alone: what each process keeps of it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import PartialState

from mvssl.errors import InputError

from .skipping_run import Run, scaled

BAD = {1: math.nan}  # the last sample of that step
ALONE = {
    "objective": "classify",
    "mlp": (),
    "backbone_norm": "frozen",
}  # no norm is shared: the first process's loss is finite
SKIP: dict[str, dict[str, Any]] = {
    "queue, EMA, scaler": {"objective": "sum"},
    "own loss alone, scaler": ALONE,  # no overflow of the first process's
    "bank": {"objective": "cmc"},
    "accumulate": {"manner": "accumulate"},
    "chunk": {"manner": "chunk", "backbone_norm": "frozen"},
}
STOP: dict[str, dict[str, Any]] = {
    "shared norms": {},
    "own loss alone": ALONE,
    "accumulate": {"manner": "accumulate", **ALONE},
    "chunk": {"manner": "chunk"},
}
FAST = (("queue, EMA, scaler", "own loss alone, scaler"), ("own loss alone",))  # to skip, to stop


def worker(rank: int, port: int, folder: str, skip: tuple[str, ...], stop: tuple[str, ...]) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
    }  # fmt: skip
    torch.set_num_threads(1)
    state = PartialState(cpu=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in stop:
            run = Run(Path(folder) / "stop" / name, patch, bad=BAD, policy="stop", **STOP[name])
            with pytest.raises(InputError) as raised:
                run.train()
            torch.save({"words": str(raised.value), "steps": len(run.states)}, run.folder / f"{rank}.pt")
        for name in skip:
            run = Run(Path(folder) / "skip" / name, patch, bad=BAD, **SKIP[name])
            if "scaler" in name:
                run = scaled(run, patch, scale=64.0)
            run.train()
            changed = [run.changed(step) for step in range(len(run.states) - 1)]
            found = {"changed": changed, "state": run.states[-1], "skipped": run.last["skipped"]}
            torch.save(found, run.folder / f"{rank}.pt")
    state.destroy_process_group()
