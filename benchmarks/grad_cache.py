"""Peak memory of a training step against the batch, with and without GradCache (``train.chunk``), on a small backbone.

Each measurement is a process of its own (peak resident memory, ru_maxrss), less the peak of the same process before the
step. Run: ``python benchmarks/grad_cache.py [--quick] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

NUM_FRAMES, SIZE, VIEWS, CHUNK = 2, 32, ("a", "b"), 8
BACKBONE = "resnet10t"


def measure(batch_size: int, chunk: int, checkpointing: bool) -> dict:
    """One step in this process."""
    import torch

    from mvssl import config
    from mvssl.training.backbone import set_up_backbones
    from mvssl.training.experiment import Train
    from mvssl.training.grad_cache import GradCache
    from mvssl.training.module import TrainedModule
    from mvssl.types import Batch, View

    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = {
        "name": "frame",
        "backbone": BACKBONE,
        "mlp": [128],
        "dim": 64,
        "hidden": 128,
        "num_layers": 1,
        "num_heads": 4,
    }
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    module = TrainedModule(
        {"all": config.build("mvssl.encoders", spec, "encoder")}, dict.fromkeys(VIEWS, ("rgb", rgb)),
        config.build("mvssl.objectives", {"name": "simclr"}, "objective"), num_samples=batch_size,
        session_of=range(batch_size), duration_s=[2.0] * batch_size, offset_s=[0.0] * batch_size,
    ).train()  # fmt: skip
    set_up_backbones(module, Train(chunk=chunk, backbone_norm="frozen", activation_checkpointing=checkpointing))
    module.train()
    step_on = GradCache(module, chunk=chunk) if chunk else None

    def step(size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 255, (size, NUM_FRAMES, 1, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
        time_s = torch.linspace(0, 1, NUM_FRAMES, dtype=torch.float64).expand(size, -1)
        there = torch.ones(size, dtype=torch.bool)
        view = View(
            pixels, time_s, there[:, None].expand(-1, NUM_FRAMES), there, torch.zeros(size, 4), torch.zeros(size, 1)
        )
        index = torch.arange(size)
        batch = Batch(dict.fromkeys(VIEWS, view), index, torch.full((size,), -1), index[:, None].expand(-1, 2))
        if step_on is not None:
            step_on(batch, backward=lambda loss: loss.backward())
        else:
            module(batch)["loss"].backward()

    step(2)  # weights, gradients, libraries
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    step(batch_size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_mb": peak / 1024, "step_mb": (peak - before) / 1024, "cpu_s": time.process_time() - began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, help="batch, chunk and checkpointing of one measurement")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(int(arguments.one[0]), int(arguments.one[1]), arguments.one[2] == "1")))
        return
    sizes = (8, 16, 32) if arguments.quick else (32, 128, 512)
    contenders = {"whole batch": (0, "0"), "activation checkpointing": (0, "1"), f"chunks of {CHUNK}": (CHUNK, "0")}
    rows = []
    for name, (chunk, checkpointing) in contenders.items():
        for size in sizes:
            command = [sys.executable, __file__, "--one", str(size), str(chunk), checkpointing]
            found = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
            rows.append({"contender": name, "setting": f"batch {size}", "batch": size, "repetitions": 1, **found})
            print(rows[-1], flush=True)
    headline = {}
    for name in contenders:
        found = [row for row in rows if row["contender"] == name]
        slope = (found[-1]["peak_mb"] - found[0]["peak_mb"]) / (found[-1]["batch"] - found[0]["batch"])
        headline[f"MB per sample, {name}"] = round(slope, 3)
    pixels_mb = len(VIEWS) * NUM_FRAMES * 3 * SIZE**2 / 2**20
    headline["MB per sample, its pictures alone"] = round(pixels_mb, 3)
    print(headline)
    about = f"{BACKBONE}, {SIZE} px, {NUM_FRAMES} frames, {len(VIEWS)} views, one thread, {time.strftime('%Y-%m-%d')}"
    result = {"about": about, "rows": rows, "headline": headline}
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
        arguments.json.with_suffix(".md").write_text(table(result))


def table(result: dict) -> str:
    lines = [
        f"Peak memory of one step ({result['about']}).",
        "",
        "| | batch | peak MB | step alone MB | CPU-s |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in result["rows"]:
        numbers = f"{row['peak_mb']:.0f} | {row['step_mb']:.0f} | {row['cpu_s']:.1f}"
        lines.append(f"| {row['contender']} | {row['batch']} | {numbers} |")
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in result["headline"].items())]) + "\n"


if __name__ == "__main__":
    main()
