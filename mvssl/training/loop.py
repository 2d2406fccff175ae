"""The training loop, top to bottom: batch, forward, backward, step, log, checkpoint; resumable at any step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from tqdm import tqdm

from mvssl.errors import InputError
from mvssl.training import checkpoint
from mvssl.training.experiment import Experiment
from mvssl.training.grad_cache import GradCache
from mvssl.training.health import health
from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import make_optimiser
from mvssl.types import Batch

Batches = Callable[
    [int, int, int], Iterator[tuple[int, Batch]]
]  # (start_step, rank, world_size) -> (step, this rank's batch)
Terms = dict[str, torch.Tensor]
Step = Callable[..., Terms]  # (batch, backward=..., **of the module) -> terms; afterwards the gradients are there


def train(
    experiment: Experiment, module: TrainedModule, batches: Batches, run: Path, *, progress: bool = True
) -> dict[str, Any]:
    """Trains ``module`` for ``experiment.train.steps`` steps, going on from the newest checkpoint in ``run``.

    Writes ``metrics.jsonl`` (one line per logged step) and ``checkpoints/``. Every draw of step s depends on
    (seed, s, rank) alone, so a resumed run repeats the uninterrupted one.

    Returns:
        The last logged line, with the number of skipped steps.

    Raises:
        InputError: a loss or gradient is not finite and the policy is ``stop``; names the videos of the batch.
    """
    settings = experiment.train
    accelerator = Accelerator(
        mixed_precision=settings.precision, log_with=list(settings.log_with) or None, project_dir=str(run),
    )  # fmt: skip
    if settings.log_with:
        accelerator.init_trackers("mvssl", config={"objective": experiment.objective["name"], "steps": settings.steps})
    module.to(accelerator.device)
    optimiser, schedule = make_optimiser(module, experiment.optimiser, settings.steps)
    start, skipped = _resume(run, module, optimiser, schedule, accelerator)
    if settings.chunk:
        optimiser = accelerator.prepare(optimiser)
        step_on: Step = GradCache(module, chunk=settings.chunk, autocast=accelerator.autocast)
    else:
        prepared, optimiser = accelerator.prepare(module, optimiser)
        step_on = partial(_whole, prepared)
    log = _Log(run / "metrics.jsonl", start, accelerator)
    bar = tqdm(
        total=settings.steps,
        initial=start,
        desc="pretrain",
        unit="step",
        disable=None if progress and accelerator.is_main_process else True,
    )

    ended = time.perf_counter()
    module.train()
    for step, batch in batches(start, accelerator.process_index, accelerator.num_processes):
        if step >= settings.steps:
            break
        batch = send_to_device(batch, accelerator.device)
        data_s = time.perf_counter() - ended
        generator = _seed(settings.seed, step, accelerator)
        optimiser.zero_grad(set_to_none=True)
        terms = step_on(
            batch, backward=accelerator.backward, step=step, total_steps=settings.steps, generator=generator
        )
        norm = accelerator.clip_grad_norm_(module.parameters(), settings.clip_norm)
        if _finite(terms["loss"], norm, accelerator):
            optimiser.step()
            module.after_step(step, settings.steps)
        else:
            skipped += 1
            _report_bad(run, step, batch, terms, settings.non_finite)
        schedule.step()
        step_s = time.perf_counter() - ended - data_s
        if step % settings.log_every == 0 or step == settings.steps - 1:
            means = {name: float(accelerator.reduce(value.detach().float(), "mean")) for name, value in terms.items()}
            line = {
                "step": step,
                **means,
                "grad_norm": float(norm),
                "lr": schedule.get_last_lr()[0],
                "data_s": data_s,
                "step_s": step_s,
            }
            line |= health(module) | {"skipped": skipped}
            log.write(line)
            bar.set_postfix(loss=f"{means['loss']:.3f}", data=f"{data_s:.2f}s", step=f"{step_s:.2f}s", refresh=False)
        bar.update()
        if (step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps:
            _save(run, step + 1, module, optimiser, schedule, skipped, settings.keep_checkpoints, accelerator)
        ended = time.perf_counter()
    bar.close()
    accelerator.end_training()
    return {**log.last, "skipped": skipped}


def _whole(module: torch.nn.Module, batch: Batch, *, backward: Callable[[torch.Tensor], None], **about: Any) -> Terms:
    terms = module(batch, **about)
    backward(terms["loss"])
    return terms


def _seed(seed: int, step: int, accelerator: Accelerator) -> torch.Generator:
    """Random state of dropout (global) and of the objective (returned), from (seed, step, rank)."""
    value = (seed * 1_000_003 + step) * 1_009 + accelerator.process_index
    torch.manual_seed(value)
    return torch.Generator(device=accelerator.device).manual_seed(value + 1)


def _finite(loss: torch.Tensor, norm: Any, accelerator: Accelerator) -> bool:
    bad = torch.tensor(float(not (torch.isfinite(loss) and torch.isfinite(torch.as_tensor(norm)))), device=loss.device)
    return float(accelerator.reduce(bad, "sum")) == 0  # one rank's bad loss stops all, so that they stay equal


def _report_bad(run: Path, step: int, batch: Batch, terms: dict[str, torch.Tensor], policy: str) -> None:
    view = next(iter(batch.views.values()))
    numbers = {name: float(value.detach()) for name, value in terms.items()}
    report = {
        "step": step,
        "terms": numbers,
        "samples": batch.index.tolist(),
        "videos": batch.video_id.tolist(),
        "times_s": view.time_s.tolist(),
    }
    with (run / "non_finite.jsonl").open("a") as file:
        file.write(json.dumps(report) + "\n")
    if policy == "stop":
        raise InputError(
            f"step {step}: loss {numbers['loss']} or its gradient is not finite (samples {report['samples']}); "
            f"the batch is in {run / 'non_finite.jsonl'}; lower optimiser.lr, or set train.non_finite=skip"
        )


def _save(run, step, module, optimiser, schedule, skipped, keep, accelerator) -> None:
    if accelerator.is_main_process:
        training = {
            "step": step,
            "skipped": skipped,
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "scaler": accelerator.scaler.state_dict() if accelerator.scaler is not None else None,
            "environment": checkpoint.environment(accelerator.num_processes),
        }
        checkpoint.save(run / "checkpoints", step, module=module, training=training, keep=keep)
    accelerator.wait_for_everyone()


def _resume(run: Path, module: TrainedModule, optimiser, schedule, accelerator: Accelerator) -> tuple[int, int]:
    path = checkpoint.newest(run / "checkpoints") if (run / "checkpoints").is_dir() else None
    if path is None:
        return 0, 0
    training = checkpoint.load(path, module)
    optimiser.load_state_dict(training["optimiser"])
    schedule.load_state_dict(training["schedule"])
    if training["scaler"] is not None and accelerator.scaler is not None:
        accelerator.scaler.load_state_dict(training["scaler"])
    now = checkpoint.environment(accelerator.num_processes)
    changed = [f"{name} {old} -> {now[name]}" for name, old in training["environment"].items() if now[name] != old]
    accelerator.print(f"going on from {path}, step {training['step']}")
    if changed:
        accelerator.print(f"  not bit for bit as before: {', '.join(changed)}")
    return training["step"], training["skipped"]


class _Log:
    """metrics.jsonl, cut back to the step the run goes on from; and the trackers."""

    def __init__(self, path: Path, start: int, accelerator: Accelerator):
        self.path, self.accelerator = path, accelerator
        self.last: dict[str, Any] = {}
        if accelerator.is_main_process and path.exists():
            kept = [
                line
                for line in path.read_text().splitlines()
                if line.endswith("}") and json.loads(line)["step"] < start
            ]
            path.write_text("".join(line + "\n" for line in kept))
            self.last = json.loads(kept[-1]) if kept else {}

    def write(self, line: dict[str, Any]) -> None:
        self.last = line
        if self.accelerator.is_main_process:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        self.accelerator.log({k: v for k, v in line.items() if k != "step"}, step=line["step"])
