"""Kills a training run with SIGKILL again and again, goes on with it, and compares it with a run that was left alone.

Half of the kills come at a random moment, half while a checkpoint is being written. On a CPU the losses must be equal bit for
bit. Run: ``python tools/soak.py [--kills 30] [--json FILE]`` (``make soak``); the videos are made here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import tempfile
import time
import warnings
from multiprocessing.process import BaseProcess as Process
from pathlib import Path

import numpy as np

from mvssl.training import pretrain
from mvssl.video import write_video

STEPS, CHECKPOINT_EVERY = 500, 5


def configuration(root: Path, steps: int) -> dict:
    """A run of a tiny encoder on cached features: a step takes milliseconds, most of the time is checkpoints."""
    return {
        "data": {"root": str(root / "videos")},
        "sampler": {"name": "carl", "num_frames": 8},
        "views": {"name": "carl", "size": 32},
        "encoder": {"name": "frame", "backbone": "test_resnet", "freeze": "all", "mlp": [16], "dim": 32, "num_heads": 4,
                    "hidden": 32, "num_layers": 1},
        "objective": {"name": "moco", "queue_size": 64},
        "batch": {"size": 4},
        "train": {"steps": steps, "log_every": 1, "checkpoint_every": CHECKPOINT_EVERY},
        "cache": {"passes": 2, "folder": str(root / "cache")},
        "embed": {"size": 32},
    }  # fmt: skip


def make_videos(folder: Path) -> None:
    folder.mkdir(parents=True)
    t, y, x, channel = np.meshgrid(*map(np.arange, (20, 32, 32, 3)), indexing="ij")
    for number in range(5):
        frames = 120 + 100 * np.sin(t / 3 + y / (3 + number) + x / 7 + channel)
        write_video(folder / f"v{number}.mp4", frames.astype(np.uint8), fps=10)


def start(values: dict, run: Path) -> Process:
    """The run in a process of its own, forked: it starts in milliseconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks with threads: torch has one here
        process = multiprocessing.get_context("fork").Process(target=_train, args=(values, run))
        process.start()
    return process


def _train(values: dict, run: Path) -> None:
    import torch

    torch.set_num_threads(1)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pretrain(values, run, progress=False)


def losses(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if line.endswith("}")]
    return {line["step"]: line["loss"] for line in lines}


def kill_once(process: Process, run: Path, rng: np.random.Generator, *, writing: bool) -> bool:
    """Waits for the run to get on, then kills it at a random moment, or in the middle of a checkpoint."""
    folder = run / "checkpoints"
    before = {path.name for path in folder.glob("step-*")}
    while {path.name for path in folder.glob("step-*")} <= before:
        if process.exitcode is not None:
            return False
        time.sleep(0.002)
    if writing:
        while not list(folder.glob(".*.tmp")):
            if process.exitcode is not None:
                return False
    else:
        time.sleep(rng.uniform(0, 0.1))
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _finish(process: Process) -> None:
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the run ended with status {process.exitcode}; see above")


def soak(folder: Path, *, kills: int, steps: int, seed: int = 0) -> dict:
    """What happened; ``equal`` says whether all losses are those of the run that was left alone."""
    rng = np.random.default_rng(seed)
    if not (folder / "videos").exists():
        make_videos(folder / "videos")
    values = configuration(folder, steps)
    _finish(start(values, folder / "alone"))
    killed = half_written = 0
    while killed < kills:
        process = start(values, folder / "killed")
        if not kill_once(process, folder / "killed", rng, writing=killed % 2 == 1):
            raise RuntimeError(f"the run ended after {killed} kills; give it more steps")
        killed += 1
        half_written += bool(list((folder / "killed" / "checkpoints").glob(".*.tmp")))
    _finish(start(values, folder / "killed"))
    wanted, found = losses(folder / "alone"), losses(folder / "killed")
    return {
        "kills": killed, "checkpoints_half_written": half_written, "steps": steps, "equal": found == wanted,
        "different_steps": sum(found.get(step) != loss for step, loss in wanted.items()),
        "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), kills=arguments.kills, steps=arguments.steps)
    print(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
        same = (
            "bit for bit the same losses" if found["equal"] else f"{found['different_steps']} steps with other losses"
        )
        arguments.json.with_suffix(".md").write_text(
            f"{found['date']}: {found['kills']} kills (SIGKILL) in a run of {found['steps']} steps, "
            f"{found['checkpoints_half_written']} of them left a half-written checkpoint: {same} as a run left alone.\n"
        )
    raise SystemExit(not found["equal"])


if __name__ == "__main__":
    main()
