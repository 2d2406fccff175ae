"""How good are the embeddings? One table per data set: each recipe beside the controls and the supervised reference.

    python benchmarks/quality.py DATASET [--configs carl,...] [--set key=value ...] [--work FOLDER] [--json FILE]

DATASET is a folder with videos, videos.csv (splits) and segments.csv. One row is one run folder under --work, keyed by
the configuration: a row that is there is not trained again. Recipes are to be chosen on inner splits of train; the val
split is opened here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path

from mvssl import config
from mvssl.api import evaluate, pretrain
from mvssl.labels import read_segments
from mvssl.reporting.tables import markdown

COLUMNS = [
    "phase_classification/recall",
    "phase_classification/accuracy",
    "frame_retrieval/precision@5",
    "frame_retrieval/precision@15",
    "frame_retrieval/map@5",
    "phase_progression",
    "kendall_tau",
    "minutes",
]


def train_row(name: str, dataset: Path, work: Path, overrides: list[str]) -> tuple[Path, float]:
    """The run of a recipe and the minutes it took (those of the first call, where it is there already)."""
    values = config.load(config.find(name, "pretrain"), overrides)
    key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
    run = work / f"{name}-{key}"
    minutes = run / "minutes.txt"
    if not minutes.exists():
        begun = time.perf_counter()
        pretrain(name, overrides, output=run)
        minutes.write_text(f"{(time.perf_counter() - begun) / 60:.1f}")
    return run, float(minutes.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--configs", default="carl")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    work = args.work / args.dataset.name
    base = [f"data.root={args.dataset}", f"cache.folder={work / 'cache'}", *args.set]
    classes = len(read_segments(args.dataset / "segments.csv").labels)
    names = args.configs.split(",")
    supervision = "objective={name: classify, level: frame, num_classes: " + str(classes) + "}"
    supervised, spent = train_row(names[0], args.dataset, work, [*base, supervision])
    rows: dict = {}
    for name in names:
        run, minutes = train_row(name, args.dataset, work, base)
        found = evaluate(
            run, args.dataset, work / f"evaluation-{run.name}", supervised=supervised, tables=work / "frames"
        )
        own = {**found.rows.pop("this run"), "minutes": minutes}  # type: ignore[dict-item]
        reference = {**found.rows.pop("supervised reference"), "minutes": spent}  # type: ignore[dict-item]
        for control in ("random encoder", "before training"):  # these depend on the recipe's own encoder
            found.rows[f"{control}, {name}"] = found.rows.pop(control)
        rows |= found.rows
        rows[name] = own
    rows["supervised reference"] = reference
    text = markdown(rows, columns=[c for c in COLUMNS if any(c in r for r in rows.values())])
    print(text)
    if args.json:
        args.json.write_text(json.dumps({"dataset": args.dataset.name, "settings": args.set, "rows": rows}, indent=1))
        args.json.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
