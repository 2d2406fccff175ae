"""How good are the embeddings? One table per data set: each method beside the controls and the supervised reference.

    python benchmarks/quality.py run DATASET [--rows "default,TCC"] [--seed 0] [--inner] [--set key=value ...]
    python benchmarks/quality.py table DATASET [--inner]

DATASET is a folder with videos, videos.csv (splits) and segments.csv. One row is one results file under
benchmarks/results/quality/DATASET, keyed by configuration, data and code: a row that is there is not run again. The
table is made of those files alone; a row without one reads "not run". ``--inner`` splits the training videos and leaves
the validation videos out: recipes are chosen there, the validation split is opened once per list of candidates.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from quality_measure import Embed, Material, material, measure
from quality_rows import METHODS, SUPERVISED, values

from mvssl import config, files
from mvssl.api import pretrain
from mvssl.embedding import Model, Recipe, load, project
from mvssl.errors import InputError
from mvssl.evaluation import LabelEfficiency, PhaseClassification, majority, projected, time_only
from mvssl.evaluation._sets import draw_videos
from mvssl.frames import Frames
from mvssl.labels import read_segments
from mvssl.reporting.tables import markdown

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "quality"
CODE = ("objectives", "encoders", "sampling", "views", "embedding", "evaluation", "training")
IMAGENET = {"name": "image", "backbone": "tf_efficientnet_lite0", "weights": "package"}
IMAGENET |= {"stage": 3, "pooling": "grid", "grid": 4, "add_last": True}  # the middle map, then the last one
RANDOM = {**IMAGENET, "weights": "none"}
NUM_LAST, DIM = 1280, 384  # dimensions of the last map, and of the default recipe's embedding


class Control(NamedTuple):
    """Backbone features as the methods have them: each map of unit length, centred or not, rows of unit length."""

    maps: Literal["last", "middle", "both"]
    centred: bool = False
    scaled: bool = True  # False: as they are, as some papers' baselines
    dim: int | None = None  # a random projection
    backbone: dict[str, Any] = IMAGENET

    def __call__(self, frames: Frames) -> Frames:
        split = frames[0].embedding.shape[1] - NUM_LAST
        columns = {"last": slice(split, None), "middle": slice(split), "both": slice(None)}[self.maps]
        frames = frames.with_embeddings([rows[:, columns] for rows in frames.embeddings])
        if self.scaled:
            frames = frames.unit((split, NUM_LAST) if self.maps == "both" else ())
        frames = frames.centred() if self.centred else frames
        frames = frames if self.dim is None else projected(frames, self.dim)
        return frames.unit() if self.scaled else frames


CONTROLS: dict[str, Control | None] = {
    "time only": None,
    "random backbone": Control("both", backbone=RANDOM),
    "random backbone, centred": Control("both", centred=True, backbone=RANDOM),
    "ImageNet": Control("last"),
    "ImageNet, centred": Control("last", centred=True),
    "ImageNet, middle map": Control("middle"),
    "ImageNet, middle map, not scaled": Control("middle", scaled=False),
    "ImageNet, middle map, centred": Control("middle", centred=True),
    "ImageNet, middle map, centred, not scaled": Control("middle", centred=True, scaled=False),
    "ImageNet, both maps": Control("both"),
    "ImageNet, both maps, centred": Control("both", centred=True),
    "ImageNet, both maps, centred, 384 values": Control("both", centred=True, dim=DIM),
}
BEFORE = "default, before training"
FEW, FEW_DRAWS = f"{SUPERVISED}, trained with 10 %", 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--rows", default="all", help="names, separated by ;")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    args = parser.parse_args()
    dataset = index_of(args.dataset, args.work, inner=args.inner)
    known = ["majority", *CONTROLS, BEFORE, *METHODS, SUPERVISED, FEW]
    if args.what == "run":
        failed = {}
        for row in known if args.rows == "all" else [name.strip() for name in args.rows.split(";")]:
            if row not in known:
                parser.error(f"no row {row!r}; known: {'; '.join(known)}")
            try:
                print(run_row(row, dataset, args.work, args.seed, args.set), flush=True)
            except InputError as error:  # the other rows are made all the same
                failed[row] = str(error)
        for row, why in failed.items():
            print(f"NOT RUN {row}: {why}")
    print(write_table(dataset, known))


def index_of(dataset: Path, work: Path, *, inner: bool, share: float = 0.25) -> Path:
    """A copy of the index that names the action (that of the folder, where the index names none).

    Args:
        inner: leave the validation videos out, and hold whole groups of the training videos out in their place.
    """
    folder = work / "index" / (f"{dataset.name}-inner" if inner else dataset.name)
    folder.mkdir(parents=True, exist_ok=True)
    with (dataset / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    rows = [{**row, "action": row.get("action") or dataset.name} for row in rows]
    if inner:
        rows = [row for row in rows if row["split"] == "train"]
        key = "group" if "group" in rows[0] else "session"
        groups = sorted({row[key] or row["video"] for row in rows})
        held = set(np.random.default_rng(15).permutation(groups)[: round(share * len(groups))])
        rows = [{**row, "split": "val" if (row[key] or row["video"]) in held else "train"} for row in rows]
    write_index(folder, rows, dataset)
    return folder


def write_index(folder: Path, rows: list[dict[str, str]], dataset: Path) -> None:
    """An index of its own for the videos and labels of a data set."""
    with (folder / "videos.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for name in ("videos", "segments.csv"):
        link = folder / name
        if not link.exists():
            link.symlink_to((dataset / name).resolve())


def run_row(row: str, dataset: Path, work: Path, seed: int, extra: list[str]) -> Path:
    """The results file of a row; made if it is not there for this configuration, data and code."""
    space = work / dataset.name
    classes = len(read_segments(dataset / "segments.csv").labels)
    trained = row in METHODS or row in (SUPERVISED, BEFORE, FEW)
    control = CONTROLS.get(row)
    spec: Any = list(control) if control else row
    if trained:
        name = {BEFORE: "default", FEW: SUPERVISED}.get(row, row)
        spec = values(name, str(dataset), str(space / "cache"), classes=classes, seed=seed, extra=extra)
    keys = {"configuration": _hash(_without_places(spec)), "data": _data_hash(dataset), "code": _code_hash()}
    path = RESULTS / dataset.name / f"{row.replace(', ', '-').replace(' ', '_')}.seed{seed}.json"
    if path.exists() and json.loads(path.read_text())["keys"] == keys:
        return path
    begun = time.perf_counter()
    minutes = None
    shown = _picture_encoder(spec["encoder"]) if trained else control.backbone if control else IMAGENET
    given = _material(shown, dataset, space)
    if row == "majority":
        numbers = _majority(given)
    elif row == FEW:
        numbers = _supervised_with_few(given, spec, dataset, space / "runs" / _hash([row, keys]))
    elif row in CONTROLS:
        numbers = measure(given, control or time_only, clock=control is None)
    else:
        run = space / "runs" / f"{_hash([row, keys])}"
        if row == BEFORE:
            torch.manual_seed(seed)
            encoder = config.build("mvssl.encoders", spec["encoder"], "encoder")
            model = Model.of(spec["encoder"], encoder, config.check(Recipe, spec["embed"], "embed"))
        else:
            alone = (space / "cache").exists() and not run.exists()  # neither the cache of all rows nor a half run
            run.parent.mkdir(parents=True, exist_ok=True)
            file = run.with_suffix(".yaml")
            config.dump(spec, file)
            pretrain(str(file), [], output=run)
            model = load(run)
            minutes = (time.perf_counter() - begun) / 60 if alone else None
        numbers = measure(given, _embed(model))
    about = {"row": row, "seed": seed, "date": str(date.today()), "keys": keys, "minutes": minutes, "numbers": numbers}
    return files.write_text(path, json.dumps(about, indent=1))


def _picture_encoder(encoder: dict[str, Any]) -> dict[str, Any]:
    """The frozen part of an encoder, alone."""
    shared = ("stage", "pooling", "grid", "add_last")
    cut = {key: encoder[key] for key in shared} if encoder["stage"] is not None else {}
    plain = {name: IMAGENET[name] for name in ("name", "backbone", "weights")}
    return {**plain, **cut}


def _embed(model: Model) -> Embed:
    return lambda frames: project(model.encoder, frames, recipe=model.recipe, normalise=model.normalise)


def _material(spec: dict[str, Any], dataset: Path, space: Path) -> Material:
    torch.manual_seed(0)
    encoder = config.build("mvssl.encoders", spec, "encoder")
    recipe = Recipe(size=128, fps=10)
    return material(dataset, space / f"frames-{_hash(spec)}", encoder, recipe)


def _majority(given: Material) -> dict[str, float]:
    parts = [given.frames.where(split=name) for name in ("train", "val")]
    return majority(*([given.segments.at(v.video, v.time_s) for v in part] for part in parts))


def _supervised_with_few(given: Material, spec: dict[str, Any], dataset: Path, work: Path) -> dict[str, float]:
    """Trained and probed with the labels of a tenth of the training videos alone; the first draws of label efficiency."""
    train = given.frames.where(split="train")
    generator = np.random.default_rng(LabelEfficiency().seed)
    scores = []
    for draw in range(FEW_DRAWS):
        few = draw_videos(train, 0.1, generator)
        index = work / f"index{draw}"
        index.mkdir(parents=True, exist_ok=True)
        with (dataset / "videos.csv").open() as file:
            rows = list(csv.DictReader(file))
        rows = [{**r, "split": "train" if r["video"] in few.ids else "unused"} for r in rows]
        write_index(index, rows, dataset)
        values = {**spec, "data": {**spec["data"], "root": str(index)}}
        config.dump(values, work / f"{draw}.yaml")
        frames = _embed(load(pretrain(str(work / f"{draw}.yaml"), [], output=work / f"run{draw}")))(given.frames)
        part = Frames([video for video in frames if video.video in few.ids], frames.metadata)
        scores.append(PhaseClassification().evaluate(frames.where(split="val"), given.segments, part).value)
    mean = {name: float(np.mean([score[name] for score in scores])) for name in ("recall", "accuracy")}
    return {"recall, 10 % of labels": mean["recall"], "accuracy, 10 %": mean["accuracy"]}


def write_table(dataset: Path, known: list[str]) -> str:
    """Markdown of all results files of a data set; several seeds as mean and standard deviation."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((RESULTS / dataset.name).glob("*.json")):
        about = json.loads(path.read_text())
        found.setdefault(about["row"], []).append(about)
    rows: dict[str, dict[str, Any] | str] = {}
    for name in known:
        runs = found.get(name, [])
        rows[name + (f" ({len(runs)} seeds)" if len(runs) > 1 else "")] = _summary(runs) if runs else "not run"
    states = {(about["keys"]["code"], about["date"]) for runs in found.values() for about in runs}
    text = markdown(rows)
    text += "\nSeed 0 where nothing else is said, else the mean over seeds (each in its own results file). Measured "
    text += "; ".join(f"{day} with code {code}" for code, day in sorted(states, key=lambda s: s[1])) + ".\n"
    (RESULTS / f"{dataset.name}.md").write_text(text)
    return text


def _summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    row = {name: float(np.mean([about["numbers"][name] for about in runs])) for name in runs[0]["numbers"]}
    minutes = [about["minutes"] for about in runs if about["minutes"] is not None]
    return row | ({"minutes": float(np.median(minutes))} if minutes else {})


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _without_places(spec: Any) -> Any:
    """A configuration without the folders of this machine."""
    if not (isinstance(spec, dict) and "data" in spec):
        return spec
    data = {key: value for key, value in spec["data"].items() if key != "root"}
    return {**spec, "data": data, "cache": {"passes": spec["cache"]["passes"]}}


def _data_hash(dataset: Path) -> str:
    parts = [(dataset / name).read_bytes() for name in ("videos.csv", "segments.csv")]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _code_hash() -> str:
    files = sorted(path for room in CODE for path in (ROOT / "mvssl" / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


if __name__ == "__main__":
    main()
