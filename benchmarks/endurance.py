"""Does a long run leak? Resident memory and file handles over many opens, and over an hour of video.

    python benchmarks/endurance.py [--quick] [--json FILE]

"opens": the same files opened, one frame read at a random time, closed, 20,000 times (--quick: 2,000). "sequential": one
hour of synthetic video (--quick: one minute) read frame by frame. The slope is a straight line through the samples after
the first tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from decode import make

from mvssl.video import open_video


def make_apart(path: Path, *arguments, **options) -> Path:
    """``make`` in a process of its own: its memory would hide a leak in ours."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, path, *arguments, **options).result()


class Watch:
    """Samples of resident memory (KiB) and open handles, with the fitted slope."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.samples: list[tuple[int, float, int]] = []

    def look(self, step: int) -> None:
        self.samples.append((step, self._process.memory_info().rss / 1024, self._process.num_fds()))

    def row(self, contender: str, setting: str, unit: str) -> dict:
        step, memory, handles = np.array(self.samples[len(self.samples) // 10 :]).T
        slope = np.polyfit(step, memory, 1)[0]
        return {
            "contender": contender,
            "setting": setting,
            "median": round(float(slope), 4),
            "unit": f"KiB per {unit}",
            "spread": round(float(memory.max() - memory.min()), 1),
            "repetitions": int(step[-1]),
            "resident_MiB": [round(float(memory[0]) / 1024, 1), round(float(memory[-1]) / 1024, 1)],
            "handles": [int(handles.min()), int(handles.max())],
        }


def opens(folder: Path, count: int) -> dict:
    files = [make_apart(folder / f"{gop}.mp4", 320, 240, gop, count=120) for gop in (12, 60)]
    rng = np.random.default_rng(0)
    watch = Watch()
    for number in range(count):
        with open_video(files[number % 2]) as video:
            time_s = video.times_s[rng.integers(len(video.times_s))]
            assert video.frames_at([time_s]).shape == (1, 3, 240, 320)
        if number % max(count // 200, 1) == 0:
            watch.look(number)
    return watch.row("mvssl", f"{count} opens, one frame each", "open")


def sequential(folder: Path, minutes: int) -> dict:
    path = make_apart(folder / "long.mp4", 320, 240, 250, repeat=minutes * 5)  # 300 frames at 25 a second are 12 s
    watch = Watch()
    with open_video(path) as video:
        assert abs(video.duration_s - minutes * 60) < 1
        for number, (_, _frame) in enumerate(video.frames()):
            if number % max(len(video.times_s) // 200, 1) == 0:
                watch.look(number)
        assert number + 1 == len(video.times_s)
    return watch.row("mvssl", f"{minutes} minutes of video, frame by frame", "frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mvssl-endurance-"))
    os.environ["MVSSL_CACHE"] = str(folder / "cache")
    rows = [sequential(folder, 1 if arguments.quick else 60), opens(folder, 2_000 if arguments.quick else 20_000)]
    for row in rows:
        print(row)
    if arguments.json:
        headline = {row["setting"]: f"{row['median']} {row['unit']}" for row in rows}
        arguments.json.write_text(json.dumps({"rows": rows, "headline": headline}, indent=1))


if __name__ == "__main__":
    main()
