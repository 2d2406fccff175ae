"""Steps whose loss or gradient is not finite: told apart, written down, and raised by policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object

from mvssl.errors import InputError
from mvssl.training.log import append
from mvssl.training.micro_batches import Terms
from mvssl.types import Batch


class StepVerdict(Enum):
    """What a step's loss and gradient are; the words are those of the log."""

    FINITE = ""
    OVERFLOW = "the scaled gradient overflows, the scale is lowered"
    NOT_FINITE = "loss or gradient not finite"


def judge(loss: torch.Tensor, norm: torch.Tensor, accelerator: Accelerator) -> StepVerdict:
    """The same on all processes: one process's bad loss is everybody's.

    With a scaler (fp16), a finite loss whose gradient is not finite is an overflow of the scale: no error, it is how the
    scaler looks for the right one. At a scale of 1 or less there is nothing left to blame on it.

    Args:
        loss: of this process. norm: of the gradient, after scaling back.
    """
    values = torch.stack([loss.detach().float(), torch.as_tensor(norm, device=loss.device).float()])
    bad_loss, bad_norm = (accelerator.reduce((~torch.isfinite(values)).float(), "sum") > 0).tolist()
    if not bad_loss and not bad_norm:
        return StepVerdict.FINITE
    scaler = accelerator.scaler
    if not bad_loss and scaler is not None and scaler.get_scale() > 1:
        return StepVerdict.OVERFLOW
    return StepVerdict.NOT_FINITE


def settle(scaler: torch.amp.GradScaler | None, found: StepVerdict) -> None:
    """Brings the scaler to its next step without the optimiser's: lowered by an overflow, else as it was before this one."""
    if scaler is None:
        return
    if found is StepVerdict.OVERFLOW:
        now = scaler.state_dict()
        scaler.load_state_dict({**now, "scale": now["scale"] * now["backoff_factor"], "_growth_tracker": 0})
    scaler.update(scaler.get_scale())  # the scale stays; that this step's gradients were scaled back is forgotten


def report(run: Path, step: int, parts: Sequence[Batch], found: Sequence[Terms], policy: str) -> None:
    """Names the micro-batches whose loss is not finite (all of them, where only the gradient is not), on all processes.

    One process's loss may be that of another's samples, so the parts of all of them are named where one is not finite. The
    main process writes a line for each part into ``non_finite.jsonl``: samples, videos and times. All processes must call it.

    Args:
        parts: the micro-batches of this process's part of the step (one without accumulation).
        found: their terms.
        policy: "stop" or "skip".

    Raises:
        InputError: the policy is "stop"; in the same words on all processes.
    """
    own: list[dict[str, Any]] = [
        {
            "step": step,
            "micro_batch": number,
            "terms": {name: float(value.detach()) for name, value in terms.items()},
            "samples": batch.index.tolist(),
            "videos": batch.video_id.tolist(),
            "times_s": next(iter(batch.views.values())).time_s.tolist(),
        }
        for number, (batch, terms) in enumerate(zip(parts, found, strict=True))
    ]
    everybodys = gather_object(own)
    bad = {line["micro_batch"] for line in everybodys if not math.isfinite(line["terms"]["loss"])}
    lines = [line for line in everybodys if line["micro_batch"] in bad] or everybodys
    if PartialState().is_main_process:
        for line in lines:
            append(run / "non_finite.jsonl", line)
    if policy == "stop":
        where = f"micro-batch {lines[0]['micro_batch']}, " if len(parts) > 1 else ""
        first = [line for line in lines if line["micro_batch"] == lines[0]["micro_batch"]]
        loss = sum(line["terms"]["loss"] for line in first) / len(first)
        raise InputError(
            f"step {step}: loss {loss} or its gradient is not finite ({where}samples "
            f"{[sample for line in first for sample in line['samples']]}); the batch is in {run / 'non_finite.jsonl'}; "
            "lower optimiser.lr, or set train.non_finite=skip"
        )
