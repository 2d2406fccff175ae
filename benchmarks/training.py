"""CPU-seconds of one CARL training step (forward, backward, optimiser), where they go, and what helps.

Cases: ResNet-18, 32 frames of 64 px, 2 videos; ResNet-50, 80 frames of 224 px, 1 video; two views of each. Decoding is not in
it. Contenders are interleaved, one thread, median of the repetitions (process time).
Run: ``python benchmarks/training.py [--quick] [--big] [--compile] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from mvssl import config
from mvssl.training.module import TrainedModule
from mvssl.training.optimiser import Optimiser, make_optimiser
from mvssl.types import Batch, View

VIEWS = ("a", "b")
SMALL = {"backbone": "resnet18", "frames": 32, "size": 64, "videos": 2}
BIG = {"backbone": "resnet50", "frames": 80, "size": 224, "videos": 1}
FROZEN = {"resnet18": ["conv1", "bn1", "layer1"], "resnet50": ["conv1", "bn1", "layer1"]}


class Step:
    """A training step of one contender."""

    def __init__(self, case: dict, contender: str):
        torch.manual_seed(0)
        freeze = FROZEN[case["backbone"]] if contender == "first stage frozen" else "none"
        spec = {"name": "frame", "backbone": case["backbone"], "freeze": freeze}
        rgb = config.build("mvssl.views.modalities", "rgb", "modality")
        self.module = TrainedModule(
            {"all": config.build("mvssl.encoders", spec, "encoder")}, dict.fromkeys(VIEWS, ("rgb", rgb)),
            config.build("mvssl.objectives", "carl", "objective"), num_samples=case["videos"],
            session_of=range(case["videos"]), duration_s=[8.0] * case["videos"], offset_s=[0.0] * case["videos"],
        ).train()  # fmt: skip
        encoder = self.module.encoders["all"]
        if contender == "not channels-last":
            encoder.backbone.model.to(memory_format=torch.contiguous_format)
            model_forward = encoder.backbone.model.forward_features
            encoder.backbone.model.forward_features = lambda x: model_forward(x.contiguous())
        if contender == "attention by matrices":
            from torch.nn.attention import SDPBackend, sdpa_kernel

            self.within = lambda: sdpa_kernel(SDPBackend.MATH)
        else:
            self.within = torch.enable_grad
        if contender == "torch.compile":
            encoder.backbone.model.forward_features = torch.compile(encoder.backbone.model.forward_features)
        self.optimiser, _ = make_optimiser(self.module, Optimiser(), 100)
        self.batch = batch_of(case)

    def __call__(self) -> float:
        began = time.process_time()
        with self.within():
            self.optimiser.zero_grad()
            self.module(self.batch)["loss"].backward()
            self.optimiser.step()
        return time.process_time() - began


def batch_of(case: dict) -> Batch:
    generator = torch.Generator().manual_seed(0)
    videos, frames, size = case["videos"], case["frames"], case["size"]
    there = torch.ones(videos, dtype=torch.bool)
    views = {}
    for name in VIEWS:
        pixels = torch.randint(0, 255, (videos, frames, 1, 3, size, size), generator=generator, dtype=torch.uint8)
        time_s = torch.rand(videos, frames, generator=generator, dtype=torch.float64).sort(1).values * 8
        views[name] = View(
            pixels, time_s, there[:, None].expand(-1, frames), there, torch.zeros(videos, 4), torch.zeros(videos, 1)
        )
    index = torch.arange(videos)
    return Batch(views, index, torch.full((videos,), -1), index[:, None].expand(-1, 2))


def profiled(step: Step, top: int = 8) -> list[dict]:
    """Operations by their own CPU time."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        step()
    events = sorted(found.key_averages(), key=lambda e: -e.self_cpu_time_total)
    whole = sum(e.self_cpu_time_total for e in events)
    return [
        {"operation": e.key, "share": round(e.self_cpu_time_total / whole, 3), "calls": e.count} for e in events[:top]
    ]


def measure(case: dict, contenders: list[str], repetitions: int, *, profile: bool) -> dict:
    steps = {name: Step(case, name) for name in contenders}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(repetitions + 1):
        for name, step in steps.items():
            seconds = step()
            if number or repetitions == 1:  # the first warms up
                times[name].append(seconds)
        if repetitions == 1:
            break
    setting = f"{case['backbone']}, T={case['frames']}, {case['size']} px, {case['videos']} videos"
    rows = [
        {"contender": name, "setting": setting, "median": round(statistics.median(t), 3),
         "spread": round(max(t) - min(t), 3), "repetitions": len(t)}
        for name, t in times.items()
    ]  # fmt: skip
    return {"rows": rows, "profile": profiled(steps[contenders[0]]) if profile else []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--big", action="store_true", help="the large case too: one step, about a minute")
    parser.add_argument("--compile", action="store_true", help="torch.compile too: needs a C++ compiler and a minute")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    contenders = ["as shipped", "not channels-last", "attention by matrices", "first stage frozen"]
    contenders += ["torch.compile"] if arguments.compile else []
    found = {"small": measure(SMALL, contenders, 2 if arguments.quick else 7, profile=True)}
    print(json.dumps(found["small"], indent=1), flush=True)
    if arguments.big:
        found["big"] = measure(BIG, ["as shipped"], 1, profile=True)
        print(json.dumps(found["big"], indent=1), flush=True)
    if arguments.json:
        rows = [row for part in found.values() for row in part["rows"]]
        result = {
            "rows": rows, "headline": {row["setting"]: row["median"] for row in rows if row["contender"] == "as shipped"},
            "profile": {name: part["profile"] for name, part in found.items()}, "torch": torch.__version__,
            "date": time.strftime("%Y-%m-%d"),
        }  # fmt: skip
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
