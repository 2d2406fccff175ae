"""What is written down, and raised by policy, where a loss or its gradient is not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mvssl.errors import InputError
from mvssl.training.log import append
from mvssl.training.micro_batches import Terms
from mvssl.types import Batch


def report(run: Path, step: int, parts: Sequence[Batch], found: Sequence[Terms], policy: str) -> None:
    """Names the micro-batches whose loss is not finite (all of them, where only the gradient is not).

    Writes a line for each into ``non_finite.jsonl``: samples, videos and times.

    Args:
        parts: the micro-batches of this process's part of the step (one without accumulation).
        found: their terms.
        policy: "stop" or "skip".

    Raises:
        InputError: the policy is "stop".
    """
    lines: list[dict[str, Any]] = [
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
    lines = [line for line in lines if not math.isfinite(line["terms"]["loss"])] or lines
    for line in lines:
        append(run / "non_finite.jsonl", line)
    if policy == "stop":
        where = f"micro-batch {lines[0]['micro_batch']}, " if len(parts) > 1 else ""
        raise InputError(
            f"step {step}: loss {lines[0]['terms']['loss']} or its gradient is not finite ({where}samples "
            f"{lines[0]['samples']}); the batch is in {run / 'non_finite.jsonl'}; lower optimiser.lr, or set "
            "train.non_finite=skip"
        )
