"""The contract carries what no shipped objective does yet: pixels to rebuild (SiT), maps and an adversary (Deep InfoMax).

Two small objectives live here to show it; neither needs more than ``features``, ``context`` and ``param_groups``.
"""

from __future__ import annotations

import math

import pytest
import torch
from references.objective_batches import context, goldens, info, unit, wave
from torch import nn
from torch.nn import functional as F

from mvssl.distributed import mean_over_batch
from mvssl.objectives import Objective
from mvssl.objectives._ema import EMA, cosine_momentum
from mvssl.objectives._nce import info_nce
from mvssl.types import Dims, Features, Needs, View

SIZE, FRAMES, SIDE = 6, 3, 4


class MaskedAutoencoding(Objective):
    """SiT: L1 on the pixels that the corrupted view lost, and the clean view's EMA key among those of the batch."""

    def __init__(self, *, rebuild: float = 1.0, temperature: float = 0.2):
        super().__init__()
        self.rebuild, self.temperature = rebuild, temperature

    @property
    def needs(self):
        return Needs(views=2, frames=True, clip=True, pixels=True, ema_parts=("projector",))

    def build(self, dims, num_samples):
        size = dims["corrupt"]
        self.decoder = nn.Linear(size.frame, 3 * SIDE * SIDE)
        self.projector = nn.Linear(size.clip, 8)
        self.target = EMA(self.projector)

    def forward(self, features, context):
        clean, corrupt = (context.pixels[name].pixels[:, :, 0] for name in ("clean", "corrupt"))
        rebuilt = self.decoder(features["corrupt"].frame).view_as(clean)
        lost = (clean != corrupt) & context.views["corrupt"].mask[..., None, None, None]
        l1 = mean_over_batch((rebuilt - clean).abs()[lost])
        q = F.normalize(self.projector(features["corrupt"].clip), dim=1)
        k = F.normalize(self.target(context.target["clean"].clip), dim=1)
        terms = info_nce(q @ k.T / self.temperature, torch.eye(len(q), dtype=torch.bool))
        contrast = 2 * self.temperature * mean_over_batch(terms)
        return {"loss": self.rebuild * l1 + contrast, "l1": l1.detach(), "contrast": contrast.detach()}

    def after_step(self, context):
        self.target.update(self.projector, cosine_momentum(0.99, context.progress))


class DeepInfoMax(Objective):
    """DIM: each cell of a map against the clips of the batch (Jensen-Shannon), features matched to a prior by a game."""

    def __init__(self, *, layer: str = "conv", prior: float = 0.1, lr: float = 1e-2):
        super().__init__()
        self.layer, self.prior, self.lr = layer, prior, lr

    @property
    def needs(self):
        return Needs(views=1, clip=True, layers=(self.layer,))

    def build(self, dims, num_samples):
        size = next(iter(dims.values()))
        self.local, self.overall = nn.Linear(size.maps[self.layer], 8), nn.Linear(size.clip, 8)
        self.judge = nn.Sequential(nn.Linear(size.clip, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, features, context):
        (view,) = features.values()
        cells = self.local(view.maps[self.layer].flatten(2).transpose(1, 2))  # (B, cells, 8)
        information = jensen_shannon(cells, self.overall(view.clip))
        real = torch.rand(view.clip.shape, generator=context.generator, dtype=view.clip.dtype)
        game = F.logsigmoid(self.judge(real)).mean() + F.logsigmoid(-self.judge(view.clip)).mean()
        return {"loss": -information + self.prior * game, "information": information.detach(), "game": game.detach()}

    def param_groups(self):
        others = [p for part in (self.local, self.overall) for p in part.parameters()]
        judge = {"params": list(self.judge.parameters()), "lr": self.lr, "weight_decay": 0.0, "maximize": True}
        return [{"params": others}, judge]


def jensen_shannon(cells, overall):
    """E_pos[log 2 - softplus(-u)] - E_neg[softplus(u) - log 2], u: (B, cells, D) . (B, D) of every pair of samples."""
    u = torch.einsum("icd,jd->ijc", cells, overall)
    own = torch.eye(len(u), dtype=torch.bool)
    return (math.log(2) - F.softplus(-u[own])).mean() - (F.softplus(u[~own]) - math.log(2)).mean()


def sit_batch(corrupted: bool = True):
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(SIZE, FRAMES, 1, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    dropped = torch.rand(clean.shape, generator=generator) < 0.5
    views = {"clean": clean, "corrupt": clean.masked_fill(dropped, 0.0) if corrupted else clean}
    infos = {name: info(torch.arange(FRAMES).expand(SIZE, -1)) for name in views}
    pixels = {name: View(x, *infos[name][:5]) for name, x in views.items()}
    frame = {name: x.flatten(2).double() for name, x in views.items()}
    features = {name: Features(x, x.mean(1), {}) for name, x in frame.items()}
    return features, context(infos, pixels=pixels, target=features)


def sit(**more):
    torch.manual_seed(0)
    objective = MaskedAutoencoding(**more)
    width = 3 * SIDE * SIDE
    objective.build({name: Dims(width, width, {}, FRAMES) for name in ("clean", "corrupt")}, SIZE)
    return objective.double()


def test_sit_learns_what_was_dropped():
    objective, (features, ctx) = sit(), sit_batch()
    optimiser = torch.optim.AdamW(objective.param_groups(), lr=1e-2)
    found = []
    for _ in range(60):
        optimiser.zero_grad()
        out = objective(features, ctx)
        out["loss"].backward()
        optimiser.step()
        objective.after_step(ctx)
        found.append(out)
    assert found[-1]["l1"] < 0.3 * found[0]["l1"]
    assert found[-1]["contrast"] < found[0]["contrast"]
    assert all(p.grad is None for p in objective.target.parameters())


def test_sit_without_corruption_has_nothing_to_rebuild():
    features, ctx = sit_batch(corrupted=False)
    out = sit()(features, ctx)
    assert out["l1"] == 0
    torch.testing.assert_close(out["loss"].detach(), sit(rebuild=0.0)(features, ctx)["contrast"], rtol=0, atol=0)


def dim_batch(clip, cells):
    features = {"a": Features(None, clip, {"conv": cells})}
    return features, context({"a": info(torch.zeros(len(clip), 1))}, generator=torch.Generator().manual_seed(0))


@pytest.mark.real_data
def test_dim_golden(goldens_root):
    golden = goldens(goldens_root, "objectives.json")
    key = "DIM fenchel JSD (l=A(6,72,.3).view(6,8,9)/2,g=A(6,8,1.3)/2)"
    cells, overall = wave(6, 72, 0.3).view(6, 8, 9).transpose(1, 2) / 2, wave(6, 8, 1.3) / 2
    assert -jensen_shannon(cells, overall).item() == pytest.approx(golden[key], rel=1e-5)


def test_dim_encoder_descends_while_its_judge_ascends():
    """One optimiser, one backward pass: a group with ``maximize`` plays against the rest."""
    torch.manual_seed(0)
    objective = DeepInfoMax(prior=1.0)
    objective.build({"a": Dims(0, 5, {"conv": 4}, 1)}, SIZE)
    clip, cells = unit(wave(SIZE, 5, 0.0)).float() + 2.0, wave(SIZE, 4 * 2 * 3 * 3, 0.5).view(SIZE, 4, 2, 3, 3).float()
    optimiser = torch.optim.AdamW(objective.param_groups(), lr=1e-2)
    found = []
    for _ in range(100):
        optimiser.zero_grad()
        out = objective(*dim_batch(clip, cells))
        out["loss"].backward()
        optimiser.step()
        found.append(out)
    assert found[-1]["game"] > found[0]["game"] + 0.5, "the judge tells features from the prior"
    assert found[-1]["information"] > found[0]["information"] + 0.1
