"""The training loop, top to bottom: batch, forward, backward, step, log, checkpoint; resumable at any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import send_to_device

from mvssl.distributed import whole_tensor
from mvssl.training import checkpoint, memory, non_finite, sharding
from mvssl.training.batches import Batches
from mvssl.training.buffers import Buffers
from mvssl.training.experiment import Experiment
from mvssl.training.grad_cache import GradCache
from mvssl.training.health import collapse, health
from mvssl.training.log import Log
from mvssl.training.micro_batches import Terms, means, micro_batches
from mvssl.training.module import TrainedModule
from mvssl.training.non_finite import StepVerdict
from mvssl.training.optimiser import make_optimiser
from mvssl.training.run_state import RunState
from mvssl.training.validation import Validation
from mvssl.types import Batch

Step = Callable[..., Terms]  # (batch, backward=..., **of the module) -> terms; afterwards the gradients are there


def train(
    experiment: Experiment, module: TrainedModule, batches: Batches, run: Path, *, progress: bool = True,
    evaluate: Validation | None = None, unreadable: Callable[[], str] = lambda: "none", data: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Trains ``module`` for ``experiment.train.steps`` steps, going on from the newest checkpoint in ``run``.

    Writes ``metrics.jsonl`` (one line per logged step) and ``checkpoints/``. Every draw of step s depends on
    (seed, s, rank) alone, so a resumed run repeats the uninterrupted one.

    Args:
        evaluate: called on the main process before the first step, every ``evaluate_every`` steps and at the end.
        unreadable: the files that were passed over so far, in words.
        data: about the data set, by name; said aloud where a resumed run has others.

    Returns:
        The last logged line, with the number of skipped steps.

    Raises:
        InputError: a loss or gradient is not finite and the policy is ``stop``; names the videos of the batch.
        ConfigError: weights are to be sharded in a way, or with a part of the run, that is not supported.
    """
    # where it runs: devices, processes, precision
    settings = experiment.train
    AcceleratorState._reset_state()  # what an earlier run of this process chose (precision) does not bind this one
    GradientState._reset_state()
    accelerator = Accelerator(
        mixed_precision=settings.precision, gradient_accumulation_steps=settings.accumulate,
        log_with=list(settings.log_with) or None, project_dir=str(run),
    )  # fmt: skip
    sharded = sharding.set_up(accelerator, module, settings)
    if settings.log_with:
        accelerator.init_trackers("mvssl", config={"objective": experiment.objective["name"], "steps": settings.steps})
    if not sharded:  # else each process keeps its part alone
        module.to(accelerator.device)

    # what learns, and where the run stands
    optimiser, schedule = make_optimiser(module, experiment.optimiser, settings.steps)
    prepared, optimiser, step_on = _prepared(module, optimiser, settings.chunk, accelerator)
    state = RunState(
        run, module, optimiser, accelerator, keep=settings.keep_checkpoints, total_steps=settings.steps
    )  # fmt: skip
    state.environment = checkpoint.environment(accelerator.num_processes, batch=experiment.batch.size, **(data or {}))
    start = state.resume()
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
        # the batch, in one part or several
        batch = send_to_device(batch, accelerator.device)
        data_s = time.perf_counter() - ended
        parts = micro_batches(batch, settings.accumulate)
        if step == start:
            log.say(memory.words(module, step_on, parts[0], accelerator.device, few=_few(experiment)))

        # forward and backward of each part
        about = {"step": step, "total_steps": settings.steps, "generator": _seed(settings.seed, step, accelerator)}
        optimiser.zero_grad(set_to_none=True)
        lr, before, found = schedule.at(step), Buffers(module), []
        for part in parts:  # one without accumulation; gradients add up, and are shared among processes after the last
            with accelerator.accumulate(prepared):
                found.append(step_on(part, backward=accelerator.backward, **about))
        terms = means(found)

        # a step along the gradient, if it and the loss are finite
        norm = whole_tensor(accelerator.clip_grad_norm_(module.parameters(), settings.clip_norm))
        outcome = non_finite.judge(terms["loss"], norm, accelerator)
        if outcome is StepVerdict.FINITE:
            optimiser.step()
            module.after_step(step, settings.steps)
        else:  # all is as before the step, but for its number and a scale that overflows
            before.put_back()
            non_finite.settle(accelerator.scaler, outcome)
            state.skipped += 1
            if outcome is StepVerdict.NOT_FINITE:
                non_finite.report(run, step, parts, found, settings.non_finite)
        step_s = time.perf_counter() - ended - data_s

        # log, evaluate, keep
        if step % settings.log_every == 0 or step == settings.steps - 1:
            num_samples = len(batch.index) * accelerator.num_processes
            speed = {"data_s": data_s, "step_s": step_s, "samples_per_s": num_samples / (data_s + step_s)}
            line = _line(step, terms, float(norm), lr, speed, outcome, accelerator)
            alive = health(module)
            log.write(line | alive | {"skipped": state.skipped, "unreadable": unreadable()})
            if step >= settings.steps // 10 and (warning := collapse(alive)):
                log.say(f"step {step}: {warning}")
        log.bar.update()
        last = step + 1 == settings.steps
        if evaluate is not None and (last or (step + 1) % settings.evaluate_every == 0):
            _evaluated(evaluate, step + 1, module, log, accelerator)
        if last or (step + 1) % settings.checkpoint_every == 0:
            state.save(step + 1)
        ended = time.perf_counter()
    log.bar.close()
    for tracker in accelerator.trackers:  # not end_training: it ends the world of processes too, which is needed still
        tracker.finish()
    return {**log.last, "skipped": state.skipped}


def _prepared(
    module: TrainedModule, optimiser: torch.optim.Optimizer, chunk: int, accelerator: Accelerator
) -> tuple[torch.nn.Module, Any, Step]:
    """Module and optimiser as the processes share them, and how a part of a batch goes forward and backward."""
    if chunk:
        return module, accelerator.prepare(optimiser), GradCache(module, chunk=chunk, autocast=accelerator.autocast)
    prepared, optimiser = accelerator.prepare(module, optimiser)
    return prepared, optimiser, partial(whole, prepared, autocast=accelerator.autocast)


def _line(
    step: int, terms: Terms, norm: float, lr: float, speed: dict[str, float], outcome: StepVerdict, accelerator: Accelerator
) -> dict[str, Any]:  # fmt: skip
    """What the log says of a step; its terms are means over the processes."""
    average = {name: float(accelerator.reduce(value.detach().float(), "mean")) for name, value in terms.items()}
    line = {"step": step, **average, "grad_norm": norm, "lr": lr, **speed}
    if accelerator.scaler is not None:
        line["loss_scale"] = accelerator.scaler.get_scale()
    if outcome is not StepVerdict.FINITE:
        line["step_skipped"] = outcome.value
    return line


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


def whole(
    module: torch.nn.Module, batch: Batch, *, backward: Callable[[torch.Tensor], None],
    autocast: Callable[[], AbstractContextManager] = nullcontext, **about: Any,
) -> Terms:  # fmt: skip
    """One forward and backward of the whole batch."""
    with autocast():
        terms = module(batch, **about)
    backward(terms["loss"])
    return terms


def _seed(seed: int, step: int, accelerator: Accelerator) -> torch.Generator:
    """Random state of dropout (global) and of the objective (returned), from (seed, step, rank)."""
    value = (seed * 1_000_003 + step) * 1_009 + accelerator.process_index
    torch.manual_seed(value)
    return torch.Generator(device=accelerator.device).manual_seed(value + 1)
