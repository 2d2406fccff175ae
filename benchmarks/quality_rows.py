"""The rows of the quality tables: which configuration each method is, on the same frozen backbone features.

Every method sees the same thing: features of one map of an ImageNet backbone (``TRUNK``), of the same augmented passes,
at 10 frames a second; what differs is the objective, its sampler, the position code and centring. 300 steps each.
"""

from __future__ import annotations

from typing import Any

from mvssl import config

TRUNK = "backbone: tf_efficientnet_lite0, weights: package, freeze: all, stage: 3, pooling: grid, grid: 4"
SHARED = [
    "views={name: carl, size: 128}",
    "cache.passes=4",
    "embed.size=128",
    "embed.fps=10",
    "train.steps=300",
    "train.checkpoint_every=300",
    "train.log_every=50",
    "optimiser={name: adamw, lr: 0.001, warmup_steps: 20}",
]
PLAIN = "encoder={name: frame, " + TRUNK + ", position: relative}"
CENTRED = "encoder={name: frame, " + TRUNK + ", position: relative, centre: true}"
SINE = "encoder={name: frame, " + TRUNK + ", position: sinusoidal, code_length: 32}"
TWO_VIEWS = ["sampler={name: carl, num_frames: 32, fps: 10}", "batch={size: 8}"]
GROUPS = ["sampler.fps=10"]


def frame_wise(objective: str) -> list[str]:
    """An objective of clips, asked of frames: the same instant in the other view is the positive."""
    return [PLAIN, *TWO_VIEWS, "objective={name: frame_wise, objective: {name: " + objective + "}}"]


# row -> (configuration, overrides)
METHODS: dict[str, tuple[str, list[str]]] = {
    "CARL as published": ("carl_published", [SINE]),
    "CARL, relative position": ("carl", [PLAIN]),
    "weak CARL": ("weak_carl", [PLAIN]),
    "TCC": ("tcc", [PLAIN]),
    "TCN": ("tcn", [PLAIN]),
    "SAL": ("sal", [PLAIN]),
    "LAV": ("lav", [PLAIN]),
    "GTA": ("gta", [PLAIN]),
    "VAVA": ("vava", [PLAIN]),
    "CVRL, clips": ("cvrl", [PLAIN]),
    "CMC, frames, cameras": ("cmc_cameras", [PLAIN]),
    "SimCLR, frames": ("simclr", frame_wise("simclr")),
    "BYOL, frames": ("byol", frame_wise("byol")),
    "Barlow Twins, frames": ("barlow_twins", frame_wise("barlow_twins")),
    "TWIST, frames": ("twist", frame_wise("twist")),
    "Consistent Assignment, frames": ("consistent_assignment", frame_wise("consistent_assignment")),
    "MACL, frames": ("macl", frame_wise("macl")),
    "RenyiCL, frames": ("renyicl", frame_wise("renyicl")),
    "SSL-HSIC, frames": ("ssl_hsic", frame_wise("ssl_hsic")),
    "MoCo, frames": ("moco", frame_wise("moco")),
    "fast views": ("default", ["views={name: carl, size: 128, recipe: fast}"]),
    "default": ("default", []),
}
SUPERVISED = "supervised reference"


def values(row: str, dataset: str, cache: str, *, classes: int, seed: int, extra: list[str]) -> dict[str, Any]:
    """The whole configuration of a row on a data set."""
    name, overrides = METHODS["default" if row == SUPERVISED else row]
    base = [*SHARED, f"data.root={dataset}", f"cache.folder={cache}", f"train.seed={seed}"]
    if row == SUPERVISED:
        overrides = ["objective={name: classify, level: frame, num_classes: " + str(classes) + "}"]
    if row != "default" and name == "default" and row != SUPERVISED:
        base = [b for b in base if not b.startswith("views=")]
    return config.load(config.find(name, "pretrain"), [*base, *overrides, *extra])
