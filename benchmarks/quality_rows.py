"""The rows of the quality tables: which configuration each method is.

Every method has the encoder of the default recipe (one middle map of a frozen ImageNet backbone, centred per video, one
layer of attention within half a second), the same augmented passes, 10 frames a second and 300 steps; what differs is the
objective with its sampler. "CARL as published" keeps its own encoder (three layers, sine code, not centred) on the same
backbone map. Clip objectives are asked of frames: the same instant in the other view is the positive.
"""

from __future__ import annotations

from typing import Any

from mvssl import config

BACKBONE = (
    "name: frame, backbone: tf_efficientnet_lite0, weights: package, freeze: all, stage: 3, pooling: grid, grid: 4"
)
OURS = "encoder={" + BACKBONE + ", centre: true, num_layers: 1, position: relative, reach_s: 0.5}"
SHARED = [
    "views={name: carl, size: 128}",
    "cache.passes=4",
    "embed.size=128",
    "embed.fps=10",
    "train.steps=300",
    "train.checkpoint_every=300",
    "train.log_every=50",
    "optimiser={name: adamw, lr: 0.001, warmup_steps: 20}",
    OURS,
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
    "default, last map": ("default", ["encoder.stage=null", "encoder.pooling=mean"]),
    "default, not centred": ("default", ["encoder.centre=false"]),
    "default, whole clip in reach": ("default", ["encoder.reach_s=null"]),
    "default, exact views": ("default", ["views={name: carl, size: 128, recipe: exact}"]),
    "default": ("default", []),
}


def values(row: str, dataset: str, cache: str, *, classes: int, seed: int, extra: list[str]) -> dict[str, Any]:
    """The whole configuration of a row on a data set."""
    name, overrides = ("default", []) if row == SUPERVISED else METHODS[row]
    if row == SUPERVISED:
        overrides = ["objective={name: classify, level: frame, num_classes: " + str(classes) + "}"]
    base = [f"data.root={dataset}", f"cache.folder={cache}", f"train.seed={seed}"]
    return config.load(config.find(name, "pretrain"), [*SHARED, *base, *overrides, *extra])
