"""CPU-seconds of a training step on cached backbone features against decoding and encoding the pictures at every step.

The shipped recipe (CARL, frozen EfficientNet-Lite0, 32 frames of 160 px) on videos that are made here, weights not loaded
(their values change no time). One thread, interleaved, medians of process time.
Run: ``python benchmarks/feature_cache.py [--quick] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState

from mvssl.sampling import sessions
from mvssl.training.batches import make_batches
from mvssl.training.experiment import Experiment, build_module
from mvssl.training.optimiser import make_optimiser
from mvssl.video import scan, write_video

SIZE, FRAMES, BATCH = 160, 32, 2  # the pictures of the shipped configurations


def make_videos(folder: Path, number: int = 4) -> None:
    folder.mkdir()
    t, y, x, channel = np.meshgrid(*map(np.arange, (50, 240, 320, 3)), indexing="ij")
    for i in range(number):
        frames = 120 + 100 * np.sin(t / 5 + y / (20 + i) + x / 30 + channel)
        write_video(folder / f"v{i}.mp4", frames.astype(np.uint8), fps=25)


class Steps:
    """A training run of which one step is made at a time."""

    def __init__(self, root: Path, backbone: str, passes: int):
        values = {
            "data": {"root": str(root / "videos")},
            "sampler": {"name": "carl", "num_frames": FRAMES},
            "views": {"name": "carl", "size": SIZE},
            "encoder": {"name": "frame", "backbone": backbone, "freeze": "all"},
            "objective": {"name": "carl"},
            "batch": {"size": BATCH},
            "cache": {"passes": passes, "folder": str(root / "cache")},
            "embed": {"size": SIZE, "fps": 10.0},
        }

        experiment = Experiment.from_values(values, "benchmark")
        videos = list(scan(experiment.data.root).videos)
        samples = sessions(videos, by="video")
        self.module = build_module(experiment, samples, videos).train()
        batches, _ = make_batches(
            experiment, self.module, samples=samples, videos=videos, run=root, process=PartialState(), progress=False
        )
        self.module.train()
        self.batches = batches(0, 0, 1)
        self.optimiser, _ = make_optimiser(self.module, experiment.optimiser, 100)

    def __call__(self) -> float:
        began = time.process_time()
        _, batch = next(self.batches)
        self.optimiser.zero_grad()
        self.module(batch)["loss"].backward()
        self.optimiser.step()
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows, headline = [], {}
    repetitions = 2 if arguments.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        make_videos(Path(folder) / "videos")
        for backbone in ("tf_efficientnet_lite0",):
            steps = {"recomputed": Steps(Path(folder), backbone, 0), "cached": Steps(Path(folder), backbone, 2)}
            times: dict[str, list[float]] = {name: [] for name in steps}
            for number in range(repetitions + 1):
                for name, step in steps.items():
                    seconds = step()
                    if number:
                        times[name].append(seconds)
            setting = f"{backbone}, T={FRAMES}, {SIZE} px, {BATCH} videos"
            for name, found in times.items():
                rows.append(
                    {"contender": name, "setting": setting, "median": round(statistics.median(found), 4),
                     "spread": round(max(found) - min(found), 4), "repetitions": len(found)}
                )  # fmt: skip
                print(rows[-1], flush=True)
            headline[f"times faster, {setting}"] = round(rows[-2]["median"] / rows[-1]["median"], 1)
    print(headline)
    if arguments.json:
        result = {"rows": rows, "headline": headline, "torch": torch.__version__, "date": time.strftime("%Y-%m-%d")}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
