"""The training loop, top to bottom: batch, forward, backward, step, log, checkpoint; resumable at any step."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import send_to_device

from mvssl.errors import ConfigError, InputError
from mvssl.training import checkpoint, memory
from mvssl.training.batches import Batches
from mvssl.training.experiment import Experiment
from mvssl.training.grad_cache import GradCache
from mvssl.training.health import collapse, health
from mvssl.training.log import Log, append
from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import make_optimiser
from mvssl.training.run_state import RunState
from mvssl.training.validation import Validation
from mvssl.types import Batch

Terms = dict[str, torch.Tensor]
Step = Callable[..., Terms]  # (batch, backward=..., **of the module) -> terms; afterwards the gradients are there
REPLICATED = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU, DistributedType.MULTI_XPU)


def train(
    experiment: Experiment, module: TrainedModule, batches: Batches, run: Path, *, progress: bool = True,
    evaluate: Validation | None = None, unreadable: Callable[[], str] = lambda: "none", num_samples: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Trains ``module`` for ``experiment.train.steps`` steps, going on from the newest checkpoint in ``run``.

    Writes ``metrics.jsonl`` (one line per logged step) and ``checkpoints/``. Every draw of step s depends on
    (seed, s, rank) alone, so a resumed run repeats the uninterrupted one.

    Args:
        evaluate: called on the main process before the first step, every ``evaluate_every`` steps and at the end.
        unreadable: the files that were passed over so far, in words.
        num_samples: of the data set; said aloud where a resumed run has others.

    Returns:
        The last logged line, with the number of skipped steps.

    Raises:
        InputError: a loss or gradient is not finite and the policy is ``stop``; names the videos of the batch.
    """
    settings = experiment.train
    accelerator = Accelerator(
        mixed_precision=settings.precision, log_with=list(settings.log_with) or None, project_dir=str(run),
    )  # fmt: skip
    if accelerator.distributed_type not in REPLICATED:
        raise ConfigError(
            f"{accelerator.distributed_type.value}: weights sharded over processes are not supported (checkpoints, EMA copies "
            "and train.chunk need them whole); launch with plain data parallelism, and for memory set train.chunk or "
            "train.activation_checkpointing"
        )
    if settings.log_with:
        accelerator.init_trackers("mvssl", config={"objective": experiment.objective["name"], "steps": settings.steps})
    module.to(accelerator.device)
    optimiser, schedule = make_optimiser(module, experiment.optimiser, settings.steps)
    state = RunState(run, module, optimiser, schedule, accelerator, keep=settings.keep_checkpoints)
    state.environment = checkpoint.environment(
        accelerator.num_processes, batch=experiment.batch.size, samples=num_samples
    )
    start = state.resume()
    if settings.chunk:
        optimiser = accelerator.prepare(optimiser)
        step_on: Step = GradCache(module, chunk=settings.chunk, autocast=accelerator.autocast)
    else:
        prepared, optimiser = accelerator.prepare(module, optimiser)
        step_on = partial(whole, prepared)
    log = Log(run / "metrics.jsonl", start, settings.steps, accelerator, progress=progress)
    if evaluate is not None and accelerator.is_main_process:
        evaluate.resume(start)
    if evaluate is not None and start == 0:
        _evaluated(evaluate, 0, module, log, accelerator)

    ended = time.perf_counter()
    module.train()
    for step, batch in batches(start, accelerator.process_index, accelerator.num_processes):
        if step >= settings.steps:
            break
        batch = send_to_device(batch, accelerator.device)
        data_s = time.perf_counter() - ended
        if step == start:
            log.say(memory.words(module, step_on, batch, accelerator.device, few=_few(experiment)))
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
            state.skipped += 1
            _report_bad(run, step, batch, terms, settings.non_finite)
        schedule.step()
        step_s = time.perf_counter() - ended - data_s
        if step % settings.log_every == 0 or step == settings.steps - 1:
            means = {name: float(accelerator.reduce(value.detach().float(), "mean")) for name, value in terms.items()}
            line = {
                "step": step, **means, "grad_norm": float(norm), "lr": schedule.get_last_lr()[0], "data_s": data_s,
                "step_s": step_s, "samples_per_s": len(batch.index) * accelerator.num_processes / (data_s + step_s),
            }  # fmt: skip
            found = health(module)
            log.write(line | found | {"skipped": state.skipped, "unreadable": unreadable()})
            if step >= settings.steps // 10 and (warning := collapse(found)):
                log.say(f"step {step}: {warning}")
        log.bar.update()
        last = step + 1 == settings.steps
        if evaluate is not None and (last or (step + 1) % settings.evaluate_every == 0):
            _evaluated(evaluate, step + 1, module, log, accelerator)
        if last or (step + 1) % settings.checkpoint_every == 0:
            state.save(step + 1)
        ended = time.perf_counter()
    log.bar.close()
    accelerator.end_training()
    return {**log.last, "skipped": state.skipped}


def _few(experiment: Experiment) -> int:
    """Samples that are enough for every objective: two, or the sets of a grouped batch; and a whole chunk."""
    return max(
        2, 2 * experiment.batch.num_per_group if experiment.batch.group_by != "none" else 2, experiment.train.chunk
    )


def _evaluated(evaluate: Validation, step: int, module: TrainedModule, log: Log, accelerator: Accelerator) -> None:
    if accelerator.is_main_process:
        log.say(evaluate(step))
    module.train()
    accelerator.wait_for_everyone()


def whole(module: torch.nn.Module, batch: Batch, *, backward: Callable[[torch.Tensor], None], **about: Any) -> Terms:
    """One forward and backward of the whole batch."""
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
    append(run / "non_finite.jsonl", report)
    if policy == "stop":
        raise InputError(
            f"step {step}: loss {numbers['loss']} or its gradient is not finite (samples {report['samples']}); "
            f"the batch is in {run / 'non_finite.jsonl'}; lower optimiser.lr, or set train.non_finite=skip"
        )
