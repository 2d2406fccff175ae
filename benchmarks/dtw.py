"""What does a warping path cost? Ours on a cost matrix against dtaidistance on the same sequences.

    python benchmarks/dtw.py [--quick] [--json FILE] [--repetitions 5]

CPU milliseconds (``process_time``), interleaved, medians; from embeddings to path, closed ends. dtaidistance (C) computes
the distances of unit vectors itself, ours multiplies matrices first. Both find paths of squared Euclidean distance.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from dtaidistance import dtw_ndim

from mvssl.dtw import cosine_cost, dtw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    sizes = (
        [(100, 128), (300, 128)]
        if options.quick
        else [(100, 128), (100, 1280), (300, 128), (1000, 128), (1000, 1280), (3000, 128)]
    )
    rows, ratios = [], {}
    for num_frames, width in sizes:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(num_frames, width)).cumsum(0)
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        y = x[np.sort(rng.integers(0, num_frames, num_frames))]
        contenders = {
            "mvssl": lambda x=x, y=y: dtw(cosine_cost(x, y)),
            "dtaidistance": lambda x=x, y=y: dtw_ndim.warping_paths_fast(x.astype(float), y.astype(float)),
        }
        spent: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.repetitions):
            for name, run in contenders.items():
                start = time.process_time()
                run()
                spent[name].append((time.process_time() - start) * 1e3)
        setting = f"{num_frames} x {num_frames} frames of {width}"
        for name, values in spent.items():
            row = {
                "contender": name,
                "setting": setting,
                "median": statistics.median(values),
                "spread": max(values) - min(values),
                "repetitions": options.repetitions,
            }
            rows.append(row)
            print(f"{setting:28s} {name:14s} {row['median']:9.1f} ms")
        ratios[setting] = statistics.median(spent["dtaidistance"]) / statistics.median(spent["mvssl"])
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
