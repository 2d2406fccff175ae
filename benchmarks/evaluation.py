"""How fast is the evaluation, and does it equal a plain reference? CPU time of one process.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py [--quick] [--json FILE]

The table has the size of Penn Action with phase labels: 13 actions, 1,140 training and 966 validation videos, 128
    features,
lengths around 70 frames, every second frame for tau and retrieval, made by code. The reference is the published way,
written
plainly: a loop over ordered pairs with ``cdist`` and ``scipy.stats.kendalltau``; for precision@K a full sort of all
distances per query video and K. The reference runs on two actions only (its time grows with the pairs); contenders are
interleaved. A second, small set has few but long videos. ``default set`` is everything that ``mvssl evaluate`` runs by
default, on the whole table. What takes longer (RBF, fractions, few-shot, key moments) is timed apart, on one action.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau

from mvssl.converters.penn_action import EXPECTED as ACTIONS
from mvssl.evaluation import (
    KeyMoments,
    LabelEfficiency,
    PhaseClassification,
    default_evaluators,
    evaluate_frames,
    frame_precision,
    kendall_tau,
)
from mvssl.evaluation.suite import Evaluator
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segment, Segments
from mvssl.statistics import interval_of_mean

STRIDE, FEATURES, SIZES = 2, 128, (5, 10, 15)


def made_up(actions: dict[str, tuple[int, int, int]], mean_length: int = 70) -> tuple[Frames, Segments]:
    """Videos of an action share its course; each has its own speed, appearance and noise. Unit vectors."""
    generator = np.random.default_rng(0)
    videos, segments = [], Segments()
    for action, (num_train, num_val, num_phases) in actions.items():
        course = generator.normal(size=(6, FEATURES))
        for i in range(num_train + num_val):
            length = int(np.clip(generator.lognormal(np.log(mean_length) - 0.12, 0.5), 18, 663))
            phase = ((np.arange(length) + 0.5) / length) ** generator.uniform(0.6, 1.6)
            rows = np.stack([np.sin(3 * (k + 1) * phase) for k in range(6)], axis=1) @ course
            rows += 0.8 * generator.normal(size=FEATURES) + 0.3 * generator.normal(size=(length, FEATURES))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            name, time_s = f"{action}/{i:04d}", np.arange(length) / 30
            split = "train" if i < num_train else "val"
            about = {"split": split, "label": action, "end_s": length / 30}
            videos.append(VideoFrames(name, np.arange(length), time_s, rows.astype(np.float32), **about))
            edges = np.searchsorted(phase, np.arange(num_phases + 1) / num_phases) / 30
            pieces = zip(edges, edges[1:], range(num_phases))
            segments[name] = [Segment(a, b, f"{action}/{k}") for a, b, k in pieces if b > a]
    return Frames(videos), segments


def plain_tau(embeddings: list[np.ndarray], stride: int) -> float:
    """The published way: for each ordered pair distances, nearest neighbours, scipy's tau; undefined pairs dropped."""
    videos = [rows[::stride] for rows in embeddings]
    taus = []
    for i, query in enumerate(videos):
        for j, reference in enumerate(videos):
            if i != j:
                nearest = cdist(query, reference, "sqeuclidean").argmin(1)
                taus.append(kendalltau(np.arange(len(query)), nearest).statistic if len(set(nearest)) > 1 else np.nan)
    return float(np.nanmean(taus))


def plain_precision(embeddings: list[np.ndarray], labels: list[np.ndarray], stride: int) -> dict[int, float]:
    """The published way: for each K and each query video, the pool of all other frames and a full sort."""
    videos, names = [rows[::stride] for rows in embeddings], [row[::stride] for row in labels]
    out = {}
    for size in SIZES:
        means = []
        for i, (query, own) in enumerate(zip(videos, names)):
            pool = np.concatenate([rows for j, rows in enumerate(videos) if j != i])
            pool_names = np.concatenate([row for j, row in enumerate(names) if j != i])
            order = np.argsort(cdist(query, pool, "sqeuclidean"), axis=1, kind="stable")[:, :size]
            means.append((pool_names[order] == own[:, None]).mean())
        out[size] = float(np.mean(means))
    return out


def cpu_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    value = run()
    return time.process_time() - start, value


def compared(setting: str, runs: dict[str, Callable[[], Any]], repetitions: int) -> tuple[list[dict], float, float]:
    """Rows of both contenders, interleaved; the ratio of their medians; the largest difference of their values."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    values: dict[str, Any] = {}
    for _ in range(repetitions):
        for name, run in runs.items():
            seconds, values[name] = cpu_seconds(run)
            found[name].append(seconds)
    rows = [row(name, setting, seconds) for name, seconds in found.items()]
    ratio = float(np.median(found["plain"]) / np.median(found["mvssl"]))
    return rows, ratio, float(np.abs(np.subtract(values["plain"], values["mvssl"])).max())


def row(contender: str, setting: str, seconds: list[float]) -> dict:
    low, high = np.percentile(seconds, [25, 75])
    return {
        "contender": contender,
        "setting": setting,
        "median": round(float(np.median(seconds)), 4),
        "spread": [round(float(low), 4), round(float(high), 4)],
        "repetitions": len(seconds),
        "unit": "CPU-s",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two small actions only; under a minute")
    parser.add_argument("--json", type=Path, help="write rows and ratios here")
    options = parser.parse_args()

    chosen = {
        name: ACTIONS[name] for name in (("situp", "clean_and_jerk") if options.quick else ("situp", "bench_press"))
    }
    repetitions = 1 if options.quick else 3
    few, few_segments = made_up(chosen)
    val = few.where(split="val")
    by_action = [val.where(label=name) for name in chosen]
    labels = [[few_segments.at(v.video, v.time_s) for v in part] for part in by_action]
    long, _ = made_up({"long": (0, 6 if options.quick else 14, 5)}, mean_length=300 if options.quick else 450)

    rows: list[dict] = []
    headline: dict[str, float] = {}
    pairs = sum(len(part) * (len(part) - 1) for part in by_action)
    cases: dict[str, dict[str, Callable[[], Any]]] = {
        f"tau, {pairs} pairs of {len(chosen)} actions": {
            "plain": lambda: [plain_tau(part.embeddings, STRIDE) for part in by_action],
            "mvssl": lambda: [kendall_tau(part.embeddings, stride=STRIDE).value for part in by_action],
        },
        f"tau, {len(long)} long videos": {
            "plain": lambda: [plain_tau(long.embeddings, 1)],
            "mvssl": lambda: [kendall_tau(long.embeddings).value],
        },
        f"precision@5, 10, 15, {len(val)} videos of {len(chosen)} actions": {
            "plain": lambda: [
                list(plain_precision(p.embeddings, y, STRIDE).values()) for p, y in zip(by_action, labels)
            ],
            "mvssl": lambda: [
                list(frame_precision(p.embeddings, y, k=SIZES, stride=STRIDE).value.values())
                for p, y in zip(by_action, labels)
            ],
        },
    }
    for setting, runs in cases.items():
        measured, ratio, difference = compared(setting, runs, repetitions)
        rows += measured
        headline[f"plain over mvssl: {setting}"] = round(ratio, 1)
        headline[f"largest difference: {setting}"] = difference
        assert difference < 1e-6, f"{setting}: values differ by {difference}"

    table, segments = (few, few_segments) if options.quick else made_up(ACTIONS)
    name = f"{len(table)} videos"
    evaluators = default_evaluators(by_action=True, stride=STRIDE)
    train, tested = table.where(split="train"), table.where(split="val")
    for metric, evaluator in evaluators.items():
        seconds, _ = cpu_seconds(lambda: evaluator.evaluate(tested, segments, train))  # noqa: B023
        rows.append(row("mvssl", f"{metric}, {name}", [seconds]))
    both, _ = cpu_seconds(
        lambda: [
            kendall_tau(part.where(label=a).embeddings, stride=STRIDE)
            for part in (train, tested)
            for a in ACTIONS
            if len(part.where(label=a))
        ]
    )
    rows.append(row("mvssl", f"tau of both splits, {name}", [both]))
    total, _ = cpu_seconds(lambda: evaluate_frames(table, segments, by_action=True, stride=STRIDE))
    rows.append(row("mvssl", f"default set, {name}", [total]))
    headline["default set, CPU-s"] = round(total, 2)
    one = few.where(label="situp")
    slower: dict[str, Evaluator] = {
        "phase classification, RBF SVM": PhaseClassification(classifier="svm"),
        "fractions 10, 50, 100 % x 5 draws": LabelEfficiency(),
        "1 to 10 videos x 50 episodes": LabelEfficiency(fractions=(), shots=tuple(range(1, 11))),
        "key moments, 300 pairs": KeyMoments(),
    }
    train, tested = one.where(split="train"), one.where(split="val")
    for metric, evaluator in slower.items():
        seconds, _ = cpu_seconds(lambda: evaluator.evaluate(tested, few_segments, train))  # noqa: B023
        rows.append(row("mvssl", f"{metric}, situp ({len(one)} videos)", [seconds]))
    values = np.random.default_rng(0).normal(size=len(tested))
    seconds, _ = cpu_seconds(lambda: interval_of_mean(values))
    rows.append(row("mvssl", f"interval over {len(tested)} videos", [seconds]))
    headline["peak memory, GB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)

    for entry in rows:
        print(f"{entry['contender']:>6}  {entry['setting']:<58} {entry['median']:>9.3f} CPU-s  x{entry['repetitions']}")
    for key, value in headline.items():
        print(f"{key}: {value:.3g}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "headline": headline}, indent=1) + "\n")


if __name__ == "__main__":
    main()
