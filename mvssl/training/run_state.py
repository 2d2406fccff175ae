"""Everything that a resumed run needs beside its configuration: saved, and taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelerate import Accelerator

from mvssl.distributed import sharded_as, whole_on_main
from mvssl.training import checkpoint
from mvssl.training.module import TrainedModule


class RunState:
    """Module, optimiser and scaler of a run, its length, and the number of skipped steps.

    Attributes:
        environment: what must be equal for the same numbers bit for bit; a change is said aloud.
    """

    def __init__(
        self, run: Path, module: TrainedModule, optimiser: Any, accelerator: Accelerator, *, keep: int, total_steps: int
    ):
        self.folder, self.module, self.optimiser, self.total_steps = run / "checkpoints", module, optimiser, total_steps
        self.accelerator, self.keep, self.skipped = accelerator, keep, 0
        self.environment: dict[str, str] = {}

    def save(self, step: int) -> None:
        """Writes a checkpoint on the main process; the others give their part of sharded weights, and wait."""
        scaler = self.accelerator.scaler
        weights, optimiser = whole_on_main((self.module.state_dict(), self.optimiser.state_dict()))
        if self.accelerator.is_main_process:
            training = {
                "step": step,
                "skipped": self.skipped,
                "optimiser": optimiser,
                "total_steps": self.total_steps,
                "scaler": scaler.state_dict() if scaler is not None else None,
                "environment": self.environment,
            }
            checkpoint.save(self.folder, step, weights=weights, training=training, keep=self.keep)
        self.accelerator.wait_for_everyone()

    def resume(self) -> int:
        """Takes up the newest whole checkpoint; the step that comes next (0: there is none)."""
        with self.accelerator.main_process_first():  # it tidies up, and sets aside what is damaged
            if self.accelerator.is_main_process:
                path = checkpoint.newest(self.folder)
            else:
                path = checkpoint.last_by_name(self.folder)
        if path is None:
            return 0
        training = checkpoint.load(path, self.module)
        self._fill_optimiser(training["optimiser"])
        if training["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(training["scaler"])
        before = training["environment"]
        changed = [
            f"{name} {before[name]} -> {now}"
            for name, now in self.environment.items()
            if before.get(name, now) != now  # an older version may not have written it down
        ]
        self.accelerator.print(f"going on from {path}, step {training['step']}")
        if changed:
            self.accelerator.print(f"  not bit for bit as before: {', '.join(changed)}")
        if (steps := training.get("total_steps", self.total_steps)) != self.total_steps:
            self.accelerator.print(
                f"  train.steps {steps} -> {self.total_steps}: the learning rate, and what else follows the schedule, goes on "
                f"as at step {training['step']} of a run of {self.total_steps}"
            )
        self.skipped = training["skipped"]
        return int(training["step"])

    def _fill_optimiser(self, saved: dict[str, Any]) -> None:
        parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        kept = {
            number: {name: sharded_as(value, parameters[number]) for name, value in values.items()}
            for number, values in saved["state"].items()
        }
        self.optimiser.load_state_dict({**saved, "state": kept})
