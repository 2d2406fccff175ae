"""What a run tells while it trains: metrics.jsonl, the trackers of accelerate, the progress bar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate import Accelerator
from tqdm import tqdm

from mvssl import files
from mvssl.training.checkpoint import writing


def cut_back(path: Path, step: int) -> list[str]:
    """Leaves only the whole lines of steps before ``step``: what a resumed run writes again is not there twice."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] < step]
    if kept != lines:
        with writing(path):
            files.write_text(path, "".join(line + "\n" for line in kept))
    return kept


def append(path: Path, line: dict[str, Any]) -> None:
    with writing(path), path.open("a") as file:
        file.write(json.dumps(line) + "\n")


class Log:
    """metrics.jsonl, cut back to the step that the run goes on from, with a bar of loss, times, memory and time left."""

    def __init__(self, path: Path, start: int, steps: int, accelerator: Accelerator, *, progress: bool):
        self.path, self.accelerator = path, accelerator
        self.main = accelerator.is_main_process
        kept = cut_back(path, start) if self.main else []
        self.last: dict[str, Any] = json.loads(kept[-1]) if kept else {}
        shown = None if progress and self.main else True
        self.bar = tqdm(total=steps, initial=start, desc="pretrain", unit="step", disable=shown)

    def write(self, line: dict[str, Any]) -> None:
        self.last = line
        if self.main:
            append(self.path, line)
        numbers = {key: value for key, value in line.items() if key != "step" and not isinstance(value, str)}
        self.accelerator.log(numbers, step=line["step"])
        self.bar.set_postfix(
            loss=f"{line['loss']:.3f}", data=f"{line['data_s']:.2f}s", step=f"{line['step_s']:.2f}s",
            rate=f"{line['samples_per_s']:.1f}/s", memory=f"{memory_gb(self.accelerator.device):.1f}GB", refresh=False,
        )  # fmt: skip

    def say(self, words: str) -> None:
        """A line above the bar, on the main process."""
        if self.main:
            tqdm.write(words)


def memory_gb(device: torch.device) -> float:
    """In use now: by this process, or by its tensors on the accelerator."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / 1e9
    return psutil.Process().memory_info().rss / 1e9
