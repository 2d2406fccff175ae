"""The rows of the quality tables: which configuration each method is.

Every method has one member of the encoder of the default recipe (a frozen ImageNet backbone, centred per video, one
layer of attention within half a second) on its middle map, the same augmented passes, 10 frames a second and 300 steps;
what differs is the objective with its sampler. "CARL as published" keeps its own encoder (three layers, sine code, not
centred) on the same map. Clip objectives are asked of frames: the same instant in the other view is the positive. The
default recipe adds the last map and two members; rows of their own show it without either, and the supervised reference
with both.
"""

from __future__ import annotations

from typing import Any

from mvssl import config

BACKBONE = "name: frame, backbone: tf_efficientnet_lite0, weights: package, freeze: all"
MAP = "stage: 3, pooling: grid, grid: 4, add_last: false"
TEMPORAL = "centre: true, num_layers: 1, position: relative, reach_s: 0.5, members: 1"
DEFAULT = "encoder={add_last: true, members: 3}"
SHARED = [
    "views={name: carl, size: 128}",
    "cache.passes=4",
    "embed.size=128",
    "embed.fps=10",
    "train.steps=300",
    "train.checkpoint_every=300",
    "train.log_every=50",
    "optimiser={name: adamw, lr: 0.001, warmup_steps: 20}",
    f"encoder={{{BACKBONE}, {MAP}, {TEMPORAL}}}",
]
PUBLISHED = "encoder={centre: false, num_layers: 3, position: sinusoidal, code_length: 32, reach_s: null}"
SUPERVISED = "supervised reference"


def frame_wise(objective: str) -> tuple[str, list[str]]:
    wrapped = "objective={name: frame_wise, objective: {name: " + objective + "}}"
    return "default", [wrapped]


# row -> (configuration, overrides)
METHODS: dict[str, tuple[str, list[str]]] = {
    "CARL as published": ("carl_published", [PUBLISHED]),
    "weak CARL": ("weak_carl", []),
    "TCC": ("tcc", []),
    "TCN": ("tcn", []),
    "SAL": ("sal", []),
    "LAV": ("lav", []),
    "GTA": ("gta", []),
    "VAVA": ("vava", []),
    "CVRL, clips": ("cvrl", []),
    "CMC, frames": ("default", ["objective={name: cmc, level: frame, negatives: session, tolerance_s: 0.1}"]),
    "SimCLR, frames": frame_wise("simclr"),
    "BYOL, frames": frame_wise("byol"),
    "Barlow Twins, frames": frame_wise("barlow_twins"),
    "TWIST, frames": frame_wise("twist"),
    "Consistent Assignment, frames": frame_wise("consistent_assignment"),
    "MACL, frames": frame_wise("macl"),
    "RenyiCL, frames": frame_wise("renyicl"),
    "SSL-HSIC, frames": frame_wise("ssl_hsic"),
    "MoCo, frames": frame_wise("moco"),
    "SupCon, frames": frame_wise("supcon"),
    "CARL ours": ("default", []),
    "CARL ours, not centred": ("default", ["encoder.centre=false"]),
    "CARL ours, whole clip in reach": ("default", ["encoder.reach_s=null"]),
    "CARL ours, exact views": ("default", ["views={name: carl, size: 128, recipe: exact}"]),
    "CARL ours, last map": ("default", ["encoder={stage: null, pooling: mean}"]),
    "CARL ours, both maps": ("default", ["encoder.add_last=true"]),
    "CARL ours, three members": ("default", ["encoder.members=3"]),
    "default": ("default", [DEFAULT]),
}


def values(row: str, dataset: str, cache: str, *, classes: int, seed: int, extra: list[str]) -> dict[str, Any]:
    """The whole configuration of a row on a data set."""
    name, overrides = ("default", [DEFAULT]) if row == SUPERVISED else METHODS[row]
    if row == SUPERVISED:
        classify = "objective={name: classify, level: frame, num_classes: " + str(classes) + "}"
        overrides = [*overrides, classify]
    base = [f"data.root={dataset}", f"cache.folder={cache}", f"train.seed={seed}"]
    return config.load(config.find(name, "pretrain"), [*SHARED, *base, *overrides, *extra])
