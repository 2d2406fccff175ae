"""Do the claims of the core papers hold here? One small ablation each, three seeds, reported also where it fails.

    python benchmarks/ablations.py run CLAIM DATASET [--seeds 0 1 2] [--work FOLDER]
    python benchmarks/ablations.py table

CLAIM is one of the names in CLAIMS, DATASET a labelled data set as for ``quality.py``, which does the work: one variant and
seed is one results file under benchmarks/results/ablations/, and what is there is not run again. The encoder is that of
``quality_rows.py``. A claim holds where the first variant's mean is better by more than the standard deviations of both.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import quality
import quality_rows

from mvssl.loading.cache import Passes, read_passes

RESULTS = Path(__file__).parent / "results" / "ablations"
COLUMNS = ("recall", "recall, 10 % of labels", "precision@5", "warp nearest_s", "warp dtw_s", "camera mean_s")
VIDEO, SESSION = "data.sample=video", "data.sample=session"
CVRL = ["objective={name: cvrl, hidden_dim: 512}", VIDEO]
CMC = "objective={name: cmc, level: frame, negatives: session, tolerance_s: 0.1}"
PER_FRAME, SHUFFLED = "augmented frame by frame", "pairs at random"


class Claim(NamedTuple):
    words: str
    decides: str  # the column
    variants: dict[str, tuple[str, list[str]]]  # the one that the paper says is best comes first


CLAIMS = {
    "carl": Claim(
        "CARL: sequence contrast beats frame-index InfoNCE",
        "recall",
        {
            "targets of 0.2 s": ("default", [VIDEO]),
            "one frame is the positive": ("default", [VIDEO, "objective={name: carl, sigma_s: 0.01}"]),
        },
    ),
    "cvrl_consistent": Claim(
        "CVRL: temporally consistent augmentation beats per-frame augmentation",
        "recall",
        {"consistent": ("cvrl", CVRL), PER_FRAME: ("cvrl", CVRL)},
    ),
    "cvrl_gap": Claim(
        "CVRL: decreasing distances of the two clips beat uniform ones",
        "recall",
        {
            "decreasing": ("cvrl", CVRL),
            "uniform": ("cvrl", [*CVRL, "sampler={name: cvrl, num_frames: 16, power: 1000}"]),
        },
    ),
    "cmc_views": Claim(
        "CMC: more views help",
        "recall",
        {
            f"{number} cameras": (
                "default",
                [SESSION, CMC, f"sampler={{name: synced, num_views: {number}, clip_s: 3.2}}"],
            )
            for number in (3, 2)
        },
    ),
    "cmc_contrast": Claim(
        "CMC: contrast beats prediction across views (BYOL, frame by frame)",
        "recall",
        {
            "contrast": ("default", [SESSION, CMC]),
            "prediction": ("default", [SESSION, "objective={name: frame_wise, objective: {name: byol}}"]),
        },
    ),
    "weak_carl": Claim(
        "Weak CARL: pairs of one class help",
        "warp nearest_s",
        {
            "pairs of one class": ("weak_carl", [VIDEO]),
            SHUFFLED: ("weak_carl", [VIDEO]),
            "no pairs": ("default", [VIDEO, "sampler.name=carl"]),
        },
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("claim", nargs="?", choices=list(CLAIMS))
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    args = parser.parse_args()
    if args.what == "run":
        run(args.claim, args.dataset, args.seeds, args.work)
    print(write_table())


def run(claim: str, dataset: Path, seeds: list[int], work: Path) -> None:
    index = quality.index_of(dataset, work, inner=False)
    with (index / "videos.csv").open() as file:
        several_actions = len({row["action"] for row in csv.DictReader(file)}) > 1
    for seed in seeds:
        for name, spec in CLAIMS[claim].variants.items():
            if name == SHUFFLED and not several_actions:
                continue  # any pair is of one class
            variant = {f"{claim}, {name}": spec}
            with (
                mock.patch.object(quality, "RESULTS", RESULTS),
                mock.patch.dict(quality_rows.METHODS, variant),
                each_frame_from_its_own_pass(name == PER_FRAME, seed),
            ):
                trained_on = shuffled(index, work, seed) if name == SHUFFLED else index
                extra = [f"data.root={trained_on}"]
                print(quality.run_row(next(iter(variant)), index, work, seed, extra), flush=True)


@contextmanager
def each_frame_from_its_own_pass(wanted: bool, seed: int) -> Iterator[None]:
    """Augmentation that is not consistent: every cached frame is taken from a pass of its own (four draws in all)."""

    def mixed(path: Path) -> Passes:
        passes = read_passes(path)
        generator = np.random.default_rng((seed, *path.stem.encode()))
        order = np.argsort(generator.random(passes.features.shape[:2]), axis=0)
        return passes._replace(features=np.take_along_axis(np.asarray(passes.features), order[..., None], axis=0))

    if wanted:
        with mock.patch("mvssl.loading.features.read_passes", mixed):
            yield
    else:
        yield


def shuffled(index: Path, work: Path, seed: int) -> Path:
    """The same videos, their actions exchanged at random within each split."""
    folder = work / "index" / f"{index.name}-shuffled{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    with (index / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    generator = np.random.default_rng(seed)
    for split in {row["split"] for row in rows}:
        own = [i for i, row in enumerate(rows) if row["split"] == split]
        actions = [rows[i]["action"] for i in own]
        for i, k in zip(own, generator.permutation(len(own))):
            rows[i] = {**rows[i], "action": actions[k]}
    quality.write_index(folder, rows, index)
    return folder


def write_table() -> str:
    parts = ["Mean ± standard deviation over seeds.\n"]
    for name, claim in CLAIMS.items():
        for folder in sorted(path for path in RESULTS.glob("*") if path.is_dir()):
            found = {v: runs for v in claim.variants if (runs := results(folder, f"{name}, {v}"))}
            if len(found) < 2:
                continue
            columns = [column for column in COLUMNS if column in found[next(iter(found))][0]]
            rows = [[variant, *(spread(runs, column) for column in columns)] for variant, runs in found.items()]
            parts.append(
                f"**{claim.words}** ({folder.name}, {min(map(len, found.values()))} seeds): {verdict(claim, found)}\n"
            )
            lines = [["", *columns], ["---"] * (len(columns) + 1), *rows]
            parts.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    text = "\n".join(parts)
    RESULTS.with_suffix(".md").write_text(text)
    return text


def results(folder: Path, row: str) -> list[dict[str, float]]:
    return [
        about["numbers"]
        for path in sorted(folder.glob("*.json"))
        if (about := json.loads(path.read_text()))["row"] == row
    ]


def spread(runs: list[dict[str, float]], column: str) -> str:
    values = [numbers[column] for numbers in runs]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.3f}"


def verdict(claim: Claim, found: dict[str, list[dict[str, float]]]) -> str:
    """By the deciding column: the first variant against the best of the others."""
    lower_is_better = claim.decides.endswith("_s")
    values = {
        name: np.array([n[claim.decides] for n in runs]) * (-1 if lower_is_better else 1)
        for name, runs in found.items()
    }
    first, *others = values
    rival = max(others, key=lambda name: values[name].mean())
    ahead = values[first].mean() - values[rival].mean()
    margin = sum(v.std(ddof=1) if len(v) > 1 else 0.0 for v in (values[first], values[rival]))
    word = "holds" if ahead > margin else "fails" if ahead < -margin else "undecided"
    return f"{word} by {claim.decides}, {first} against {rival}."


if __name__ == "__main__":
    main()
