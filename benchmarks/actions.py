"""Are actions told apart? Whole videos by frozen ImageNet features, beside what has learned nothing.

    python benchmarks/actions.py DATASET ... [--where camera=cam0] [--work FOLDER] [--json FILE]

Each DATASET is a folder with videos and videos.csv (split and action of each video; sessions and groups are never in both
splits). Rows: majority, duration only, a random backbone, and EfficientNet-Lite0 by ImageNet weights: mean of the frames,
and the standard deviation over the frames (what changes) beside it. Linear probe, kNN and retrieval (see
``mvssl.evaluation.action_classification``). A video is one clip of all its frames.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from mvssl import config
from mvssl.api import ZERO_SHOT
from mvssl.embedding import Recipe, embed_folder
from mvssl.evaluation import ActionClassification, check_split
from mvssl.frames import Frames
from mvssl.reporting.tables import markdown
from mvssl.video import read_videos

RECIPE = Recipe(size=160, fps=5.0)
MEASURES = ("linear", "linear_recall", "knn", "R@1", "R@5")


def with_spread(frames: Frames) -> Frames:
    """Mean and standard deviation over the frames of each video, as the only frame."""
    rows = [np.concatenate([v.embedding.mean(0), v.embedding.std(0)])[None] for v in frames]
    return frames.with_embeddings(rows)


def measured(frames: Frames) -> dict:
    train, val = frames.where(split="train"), frames.where(split="val")
    check_split(train, val)
    result = ActionClassification(k=min(20, len(train) // 4)).evaluate(val, None, train)
    return {"value": result.value, "interval": result.interval, "controls": result.controls}


def rows_of(dataset: Path, work: Path, conditions: dict[str, str]) -> tuple[dict, str]:
    videos = [v for v in read_videos(dataset) if all(getattr(v, name) == value for name, value in conditions.items())]
    found, tables = {}, {}
    for name, weights in (("random backbone", "none"), ("ImageNet", "package")):
        torch.manual_seed(0)
        encoder = config.build("mvssl.encoders", {**ZERO_SHOT, "weights": weights}, "encoder")
        tables[name] = embed_folder(encoder, videos, work / dataset.name / name.split()[0], recipe=RECIPE)[0]
    tables["ImageNet, mean and spread"] = with_spread(tables["ImageNet"])
    for name, table in tables.items():
        result = measured(table)
        if not found:
            for control in ("majority", "duration only"):
                found[control] = result["controls"][control]
        intervals = result["interval"]
        found[name] = {k: (v, *intervals[k]) if k in intervals else v for k, v in result["value"].items()}
    counts = {s: sum(v.split == s for v in videos) for s in ("train", "val")}
    actions = ", ".join(sorted({v.label for v in videos}))
    return found, f"{counts['train']} training and {counts['val']} validation videos; {actions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+")
    parser.add_argument("--where", nargs="*", default=[], metavar="field=value", help="only these videos")
    parser.add_argument("--work", type=Path, default=Path("runs/actions"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    content, text = {}, ""
    for dataset in args.datasets:
        rows, about = rows_of(dataset, args.work, dict(pair.split("=", 1) for pair in args.where))
        content[dataset.name] = {"about": about, "rows": rows}
        columns = [m for m in MEASURES if any(m in row for row in rows.values())]
        text += f"## {dataset.name}\n\n{about}\n\n{markdown(rows, columns=columns)}\n"
    print(text)
    if args.json:
        args.json.write_text(json.dumps(content, indent=1) + "\n")
        args.json.with_suffix(".md").write_text("# Actions of whole videos\n\n" + text)


if __name__ == "__main__":
    main()
