"""Is the representation alive? Effective rank, spread, alignment and uniformity of the last batch's features."""

from __future__ import annotations

import torch
from torch import Tensor

from mvssl.training.module import TrainedModule


@torch.no_grad()
def health(module: TrainedModule) -> dict[str, float]:
    """Health of the last forward's frame embeddings (the first view's), this process's part of the batch.

    ``effective_rank``: exp of the entropy of the normalised singular values (Roy and Vetterli 2007); 1 = collapsed.
    ``uniformity``: of Wang and Isola (2020), 0 = collapsed.
    ``std``: mean over dimensions of the standard deviation of unit rows, times sqrt(D); about 1 when spread, 0 collapsed.
    ``clock_r2``: part of the normalised time that a linear read-out of the embedding explains within the batch.
    """
    rows, clock = module.last_rows
    if len(rows) < 2:
        return {}
    unit = torch.nn.functional.normalize(rows.float(), dim=1)
    spectrum = torch.linalg.svdvals(unit - unit.mean(0))
    share = spectrum / spectrum.sum().clamp(min=1e-12)
    return {
        "effective_rank": float(torch.exp(-(share * share.clamp(min=1e-12).log()).sum())),
        "std": float(unit.std(0).mean() * unit.shape[1] ** 0.5),
        "uniformity": _uniformity(unit[:256]),
        "clock_r2": _explained(unit, clock),
    }


def collapse(found: dict[str, float]) -> str:
    """A warning in words where the embeddings have become (nearly) one point or one line; else nothing."""
    if not found or (found["effective_rank"] >= 1.5 and found["std"] >= 0.05):
        return ""
    return (
        f"the embeddings collapse (effective rank {found['effective_rank']:.2f}, std {found['std']:.3f}; spread: many, 1): "
        "lower optimiser.lr, or look at the objective's temperature and negatives"
    )


def _uniformity(unit: Tensor) -> float:
    """log of the mean of exp(-2 |x - y|^2) over pairs of rows (Wang and Isola 2020); 0 = one point, -4 = spread."""
    return float(torch.pdist(unit).square().mul(-2).exp().mean().log())


def _explained(rows: Tensor, clock: Tensor) -> float:
    """Ridge regression fitted on even rows, R2 on odd ones."""
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).double()
    target = clock.double()
    fit, test = slice(0, None, 2), slice(1, None, 2)
    gram = rows[fit].T @ rows[fit] + 1e-3 * len(rows) / 2 * torch.eye(
        rows.shape[1], dtype=torch.float64, device=rows.device
    )
    weight = torch.linalg.solve(gram, rows[fit].T @ target[fit])
    rest = ((rows[test] @ weight - target[test]) ** 2).sum()
    whole = ((target[test] - target[test].mean()) ** 2).sum().clamp(min=1e-12)
    return float(1 - rest / whole)
