"""Is the representation alive? Effective rank, spread, alignment and uniformity of the last batch's features."""

from __future__ import annotations

import torch
from torch import Tensor

from mvssl.training.module import TrainedModule
from mvssl.types import ViewInfo


@torch.no_grad()
def health(module: TrainedModule) -> dict[str, float]:
    """Health of the last forward's frame embeddings (the first view's), this process's part of the batch.

    ``effective_rank``: exp of the entropy of the normalised singular values (Roy and Vetterli 2007); 1 = collapsed.
    ``uniformity``: of Wang and Isola (2020), 0 = collapsed.
    ``alignment``: of Wang and Isola (2020), 0 = positives are one point, 2 = they are like any two spread rows. Positives
    are a frame of the first view and the frame of the second that is nearest to it in session time, within the span of
    time that the second shows. No such key where there is one view, no common time, or views of unequal width.
    ``std``: mean over dimensions of the standard deviation of unit rows, times sqrt(D); about 1 when spread, 0 collapsed.
    ``non_finite_rows``: instead of all that, how many embeddings (of all views) are not finite, where there are such.
    ``clock_r2``: part of the normalised time that a linear read-out of the embedding explains within the batch.
    """
    names, views = list(module.last_frames), module.last_context.views
    shown = {name: _rows(module.last_frames[name], views[name]) for name in names}
    if broken := sum(int((~torch.isfinite(rows).all(1)).sum()) for rows, _ in shown.values()):
        return {"non_finite_rows": float(broken)}
    rows, clock = shown[names[0]]
    if len(rows) < 2:
        return {}
    unit = torch.nn.functional.normalize(rows.float(), dim=1)
    spectrum = torch.linalg.svdvals(unit - unit.mean(0))
    share = spectrum / spectrum.sum().clamp(min=1e-12)
    measures = {
        "effective_rank": float(torch.exp(-(share * share.clamp(min=1e-12).log()).sum())),
        "std": float(unit.std(0).mean() * unit.shape[1] ** 0.5),
        "uniformity": _uniformity(unit[:256]),
        "clock_r2": _explained(unit, clock),
    }
    if len(names) > 1:
        one, other = (module.last_frames[name].float() for name in names[:2])
        distance = _distances(one, other, views[names[0]], views[names[1]])
        if len(distance):
            measures["alignment"] = float(distance.mean())
    return measures


def collapse(measures: dict[str, float]) -> str:
    """A warning in words where the embeddings have become (nearly) one point or one line; else nothing."""
    if "effective_rank" not in measures or (measures["effective_rank"] >= 1.5 and measures["std"] >= 0.05):
        return ""
    return (
        f"the embeddings collapse (effective rank {measures['effective_rank']:.2f}, std {measures['std']:.3f}; spread: many, 1): "
        "lower optimiser.lr, or look at the objective's temperature and negatives"
    )


def _rows(frame: Tensor, view: ViewInfo) -> tuple[Tensor, Tensor]:
    """Valid frame embeddings of a view and their normalised times."""
    valid = view.mask & view.present[:, None]
    start = view.time_s.amin(1, keepdim=True)
    clock = (view.time_s - start) / (view.time_s.amax(1, keepdim=True) - start).clamp(min=1e-9)
    return frame[valid], clock[valid]


def _distances(one: Tensor, other: Tensor, view: ViewInfo, other_view: ViewInfo) -> Tensor:
    """(n,) squared distances of the unit rows of positives: (B, T, D) and (B, T', D)."""
    if one.shape[2] != other.shape[2]:
        return one.new_zeros(0)
    time_s, other_s = _session_s(view), _session_s(other_view)
    usable = other_view.mask & other_view.present[:, None]
    apart_s = (time_s[:, :, None] - other_s[:, None, :]).abs().masked_fill(~usable[:, None, :], torch.inf)
    nearest = apart_s.argmin(2)
    first_s = other_s.masked_fill(~usable, torch.inf).amin(1, keepdim=True)
    last_s = other_s.masked_fill(~usable, -torch.inf).amax(1, keepdim=True)
    within = (time_s >= first_s - 1e-6) & (time_s <= last_s + 1e-6)  # nowhere, where no frame is usable
    unit, other_unit = (torch.nn.functional.normalize(rows, dim=2) for rows in (one, other))
    positive = other_unit.gather(1, nearest[..., None].expand(-1, -1, other.shape[2]))
    return (unit - positive).square().sum(2)[within & view.mask & view.present[:, None]]


def _session_s(view: ViewInfo) -> Tensor:
    return view.time_s if view.offset_s is None else view.time_s + view.offset_s[:, None]


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
