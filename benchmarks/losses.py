"""Are the losses as fast as the libraries'? The same tensors, forward and backward, one thread.

    pip install --no-deps lightly==1.6.0 pytorch-metric-learning==2.9.0
    python benchmarks/losses.py [--quick] [--json FILE] [--repetitions 7]

Two views of 256 and of 4096 samples, 128 dimensions, float32. Seconds of CPU (``process_time``), contenders interleaved
in random order, medians; "spread" is the difference of the quartiles. "value": the losses, which have to agree.
"memory_MiB" (batch 4096): the peak of a fresh process with this loss, less that of one that only makes the tensors. pml's NT-Xent
would need 550 GB for 4096 samples and is left out there. Heads are left out of ours: features are what is compared.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mvssl.objectives import get
from mvssl.types import Context, Dims, Features, ViewInfo

DIM = 128
Loss = Callable[[Tensor, Tensor], Tensor]


class Same(nn.Module):
    def forward(self, x: Any, mask: Any = None) -> Any:
        return x


def ours(name: str, size: int, label: Tensor | None = None, **parameters: Any) -> Loss:
    objective = get(name)(**parameters)
    objective.build({view: Dims(0, DIM, {}, 1) for view in ("a", "b")}, size)
    for part in ("projector", "predictor", "target"):
        if hasattr(objective, part):
            setattr(objective, part, Same())
    rows, there = torch.arange(size), torch.ones(size, dtype=torch.bool)
    time_s = torch.zeros(size, 1, dtype=torch.float64)
    info = ViewInfo(time_s, there[:, None], there, torch.zeros(size, 4), torch.zeros(size, 0))
    ids = Context(
        {"a": info, "b": info}, rows, rows[:, None].expand(-1, 2), rows, -1 - 0 * rows if label is None else label
    )

    def loss(a: Tensor, b: Tensor) -> Tensor:
        features = {"a": Features(None, a, {}), "b": Features(None, b, {})}
        fixed = {name: Features(None, x.clip.detach(), {}) for name, x in features.items()}
        return objective(features, ids._replace(target=fixed))["loss"]

    return loss


def contenders(size: int) -> dict[str, dict[str, Callable[[], Loss]]]:
    """Objective -> contender -> how to make its loss."""
    from lightly.loss import BarlowTwinsLoss, MACLLoss, NegativeCosineSimilarity, NTXentLoss
    from pytorch_metric_learning.losses import NTXentLoss as PmlNTXent
    from pytorch_metric_learning.losses import SelfSupervisedLoss, SupConLoss

    label = torch.arange(size) % (size // 8)

    def negative_cosine() -> Loss:
        cosine = NegativeCosineSimilarity()
        return lambda a, b: 4 + 2 * cosine(a, b.detach()) + 2 * cosine(b, a.detach())

    def supcon() -> Loss:
        loss = SupConLoss(temperature=0.1)
        return lambda a, b: loss(torch.cat([a, b]), label.repeat(2))

    simclr: dict[str, Callable[[], Loss]] = {
        "mvssl": lambda: ours("simclr", size),
        "lightly": lambda: NTXentLoss(temperature=0.1),
        "pytorch-metric-learning": lambda: SelfSupervisedLoss(PmlNTXent(temperature=0.1)),
    }
    if size > 512:
        del simclr["pytorch-metric-learning"]
    return {
        "simclr": simclr,
        "macl": {"mvssl": lambda: ours("macl", size), "lightly": lambda: MACLLoss(temperature=0.1, alpha=0.5)},
        "supcon": {"mvssl": lambda: ours("supcon", size, label), "pytorch-metric-learning": supcon},
        "barlow_twins": {
            "mvssl": lambda: ours("barlow_twins", size, dim=DIM, redundancy=5e-3),
            "lightly": lambda: BarlowTwinsLoss(lambda_param=5e-3),
        },
        "byol": {"mvssl": lambda: ours("byol", size), "lightly": negative_cosine},
    }


def tensors(size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(size, DIM, generator=generator)
    return a, a + torch.randn(size, DIM, generator=generator)


def once(loss: Loss, a: Tensor, b: Tensor) -> tuple[float, float]:
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    start = time.process_time()
    value = loss(a, b)
    value.backward()
    return time.process_time() - start, value.item()


def timed(size: int, repetitions: int) -> list[dict]:
    a, b = tensors(size)
    rows = []
    without = peak_mib("nothing", "", size)
    for objective, made in contenders(size).items():
        losses = {name: make() for name, make in made.items()}
        seconds: dict[str, list[float]] = {name: [] for name in losses}
        values: dict[str, float] = {}
        for repetition in range(repetitions + 1):
            for name in random.sample(list(losses), len(losses)):
                taken, values[name] = once(losses[name], a, b)
                if repetition:  # the first warms up
                    seconds[name].append(taken)
        for name, taken in seconds.items():
            low, middle, high = statistics.quantiles(taken, n=4)
            row = {"contender": name, "setting": f"{objective}, batch {size}", "median": middle, "spread": high - low}
            row |= {"repetitions": repetitions, "value": values[name]}
            if size > 512:  # below, the imports need more than the loss
                row["memory_MiB"] = round(peak_mib(objective, name, size) - without, 1)
            rows.append(row)
            print(rows[-1], flush=True)
    return rows


def peak_mib(objective: str, contender: str, size: int) -> float:
    """Peak resident memory of a fresh process that takes this loss once."""
    command = [sys.executable, __file__, "--peak", objective, contender, str(size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def ratios(rows: list[dict]) -> dict[str, float]:
    """Seconds of mvssl over those of the fastest other, by setting."""
    found = {}
    for setting in dict.fromkeys(row["setting"] for row in rows):
        median = {row["contender"]: row["median"] for row in rows if row["setting"] == setting}
        found[setting] = round(median.pop("mvssl") / min(median.values()), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="batch 256 alone")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        objective, contender, size = *arguments.peak[:2], int(arguments.peak[2])
        known = contenders(size)
        a, b = tensors(size)
        if objective != "nothing":
            once(known[objective][contender](), a, b)
        status = Path("/proc/self/status").read_text()  # of this program alone; getrusage also counts its parent
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        return
    random.seed(0)
    rows = []
    for size in (256,) if arguments.quick else (256, 4096):
        rows += timed(size, arguments.repetitions)
    result = {"rows": rows, "ratios": ratios(rows), "torch": torch.__version__, "threads": 1}
    print(json.dumps(result["ratios"], indent=1))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
