"""A world of 240 "videos" in which an objective shows its character within seconds, without a picture.

A video is a class vector plus a little of its own; a clip of it adds a phase (a point on the unit circle) and a
background drawn afresh for every view; a random rotation mixes all of them. What a method keeps of class and phase tells
what it is: views with independent phases make the projection forget the phase, near ones keep it; a collapse shows in
the spread of the projections.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvssl.objectives import Objective, get
from mvssl.types import Context, Dims, Features, ViewInfo

NUM_VIDEOS, NUM_CLASSES, CLASS_DIM, BACKGROUND_DIM, WIDTH = 240, 6, 8, 16, 64
SETTINGS = {
    "simclr": {},
    "byol": {},
    "barlow_twins": {"dim": 128},
    "twist": {"num_classes": 64},
    "consistent_assignment": {"num_prototypes": 32},
    "macl": {},
    "renyicl": {},
    "ssl_hsic": {"num_features": 128},
    "moco": {"queue_size": 512},
    "supcon": {},
}


def make(name: str) -> Objective:
    """A clip objective whose width suits the world."""
    return get(name)(hidden_dim=128, **SETTINGS[name])


class World:
    """Clips of the videos; everything is drawn from ``seed``."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.label = torch.arange(NUM_VIDEOS) % NUM_CLASSES
        centre = 1.6 * F.normalize(self.normal(NUM_CLASSES, CLASS_DIM), dim=1)
        self.video = centre[self.label] + 0.25 * self.normal(NUM_VIDEOS, CLASS_DIM)
        self.dim = CLASS_DIM + 2 + BACKGROUND_DIM
        self.mix = torch.linalg.qr(self.normal(self.dim, self.dim))[0]

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def phases(self, n: int) -> Tensor:
        return 2.0 * math.pi * torch.rand(n, generator=self.generator)

    def clips(self, video: Tensor, phase: Tensor) -> Tensor:
        """(n,) videos, (n,) phases in radians -> (n, dim)."""
        circle = torch.stack([phase.cos(), phase.sin()], 1)
        return torch.cat([self.video[video], circle, self.normal(len(video), BACKGROUND_DIM)], 1) @ self.mix


class Scores(NamedTuple):
    """Class by the five nearest neighbours, R2 of the phase by ridge regression, of encoder (h) and projection (z)."""

    knn_raw: float
    knn_h: float
    knn_z: float
    spread: float  # mean standard deviation of normalised z over its dimensions, times sqrt(D): 1 = even, 0 = collapse
    phase_h: float
    phase_z: float


def train(
    objective: Objective, *, window: float = 1.0, seed: int = 0, num_steps: int = 200, batch: int = 120
) -> Scores:
    """Trains a small encoder with the objective on pairs of clips whose phases differ by at most ``window`` / 2 turns.

    The objective's head has to be called ``projector`` or ``head``.
    """
    torch.manual_seed(seed)
    world = World(seed)
    encoder = nn.Sequential(nn.Linear(world.dim, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
    target = copy.deepcopy(encoder).requires_grad_(False)
    objective.build({name: Dims(0, WIDTH, {}, 1) for name in ("a", "b")}, NUM_VIDEOS)
    groups = [{"params": list(encoder.parameters())}, *objective.param_groups()]
    optimiser = torch.optim.AdamW(groups, lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    for step in range(num_steps):
        progress = step / num_steps
        video = torch.randperm(NUM_VIDEOS, generator=world.generator)[:batch]
        phase = world.phases(batch)
        shift = (world.phases(batch) - math.pi) * window
        views = {"a": world.clips(video, phase), "b": world.clips(video, phase + shift)}
        context = _context(video, world.label[video], step, progress)._replace(target=_features(target, views))
        optimiser.zero_grad()
        objective(_features(encoder, views), context)["loss"].backward()
        optimiser.step()
        schedule.step()
        momentum = 1.0 - 0.01 * (math.cos(math.pi * progress) + 1.0) / 2.0
        for mine, theirs in zip(target.parameters(), encoder.parameters(), strict=True):
            mine.data.lerp_(theirs.data, 1.0 - momentum)
        objective.after_step(context)
    return _score(world, encoder, objective)


def _features(encoder: nn.Module, views: dict[str, Tensor]) -> dict[str, Features]:
    return {name: Features(frame=None, clip=encoder(x), maps={}) for name, x in views.items()}


def _context(video: Tensor, label: Tensor, step: int, progress: float) -> Context:
    n = len(video)
    true = torch.ones(n, dtype=torch.bool)
    info = ViewInfo(torch.zeros(n, 1, dtype=torch.float64), true[:, None], true, torch.zeros(n, 4), torch.zeros(n, 0))
    return Context(
        views={"a": info, "b": info},
        index=video,
        video_id=video[:, None].expand(n, 2),
        session_id=video,
        label=label,
        step=step,
        progress=progress,
        generator=torch.Generator().manual_seed(step),
    )


@torch.no_grad()
def _score(world: World, encoder: nn.Module, objective: Objective) -> Scores:
    """Four new clips of every video; the first half of the videos teaches, the other half is asked."""
    objective.eval()
    video = torch.arange(NUM_VIDEOS).repeat(4)
    phase = world.phases(len(video))
    x = world.clips(video, phase)
    h = encoder(x)
    head = objective.projector if hasattr(objective, "projector") else objective.head
    z = head({"a": h}, {"a": torch.ones(len(h), dtype=torch.bool)})["a"]
    taught = video < NUM_VIDEOS // 2
    label, circle = world.label[video], torch.stack([phase.cos(), phase.sin()], 1)
    spread = F.normalize(z, dim=1).std(0).mean().item() * z.shape[1] ** 0.5
    knn = [_knn(rows, label, taught) for rows in (x, h, z)]
    return Scores(*knn, spread, _r2(h, circle, taught), _r2(z, circle, taught))


def _knn(rows: Tensor, label: Tensor, taught: Tensor) -> float:
    unit = F.normalize(rows, dim=1)
    nearest = (unit[~taught] @ unit[taught].T).topk(5).indices
    return (label[taught][nearest].mode(1).values == label[~taught]).float().mean().item()


def _r2(rows: Tensor, target: Tensor, taught: Tensor) -> float:
    x = (rows - rows[taught].mean(0)) / (rows[taught].std(0) + 1e-6)
    x, y = torch.cat([x, torch.ones(len(x), 1)], 1).double(), target.double()
    train, test = x[taught], x[~taught]
    weights = torch.linalg.solve(train.T @ train + torch.eye(x.shape[1]).double(), train.T @ y[taught])
    residual = (y[~taught] - test @ weights).square().sum()
    return 1.0 - (residual / (y[~taught] - y[~taught].mean(0)).square().sum()).item()
