"""Alignment losses by plain loops over cells, from the formulas. X (n, D), Y (m, D), float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def soft_minimum(values: list[Tensor], gamma: float, kind: str) -> Tensor:
    r = torch.stack(values)
    if kind == "soft":
        return -gamma * torch.logsumexp(-r / gamma, 0)
    return (torch.softmax(-r / gamma, 0) * r).sum()


def dtw_table(cost: Tensor, gamma: float, kind: str = "soft") -> Tensor:
    n, m = cost.shape
    table: list[list[Tensor]] = []
    for i in range(n):
        row: list[Tensor] = []
        for j in range(m):
            before = []
            if i and j:
                before.append(table[i - 1][j - 1])
            if i:
                before.append(table[i - 1][j])
            if j:
                before.append(row[j - 1])
            row.append(cost[i, j] + soft_minimum(before, gamma, kind) if before else cost[i, j])
        table.append(row)
    return torch.stack([torch.stack(row) for row in table])


def squared(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([torch.stack([((a - b) ** 2).sum() for b in y]) for a in x])


def tcc_rows(x: Tensor, y: Tensor, place: Tensor, loss: str, smoothing: float = 0.0) -> list[Tensor]:
    """Temperature .1, variance weight .001."""
    rows = []
    for i, u in enumerate(x):
        alpha = torch.softmax(torch.stack([-((u - v) ** 2).sum() / (len(u) * 0.1) for v in y]), 0)
        back = sum(a * v for a, v in zip(alpha, y, strict=True))
        logits = torch.stack([-((back - w) ** 2).sum() / (len(u) * 0.1) for w in x])
        beta = logits.softmax(0)
        mean = (beta * place).sum()
        error = place[i] - mean
        if loss == "classification":
            log_p = logits.log_softmax(0)
            rows.append(-(1 - smoothing) * log_p[i] - smoothing * log_p.mean())
        elif loss == "regression_mse":
            rows.append(error**2)
        elif loss == "regression_huber":
            rows.append(0.5 * error**2 if abs(error) <= 0.1 else 0.1 * abs(error) - 0.005)
        else:
            variance = (beta * (place - mean) ** 2).sum()
            rows.append(error**2 / variance + 0.001 * variance.log())
    return rows


def lav(
    x: Tensor, y: Tensor, time_x, time_y, place_x, place_y, *, gamma=0.1, alpha=0.5, margin=2.0, window=0.4
) -> Tensor:
    total = dtw_table(squared(x, y), gamma)[-1, -1]
    for z, time, place in ((x, time_x, place_x), (y, time_y, place_y)):
        for i in range(len(z)):
            for j in range(len(z)):
                d = ((z[i] - z[j]) ** 2).sum()
                if abs(time[i] - time[j]) > window:
                    total = total + alpha * (1 + (place[i] - place[j]) ** 2) * torch.relu(margin - d)
                else:
                    total = total + alpha * d
    return total / max(len(x), len(y))


def gta(x: Tensor, y: Tensor, kind: str = "mean") -> tuple[Tensor, Tensor]:
    """Cross-entropy rows of the cycle (smoothing .1), and R(x, y) + R(y, x); temperature and gamma .1."""
    there = dtw_table(-(x @ y.T / 0.1).log_softmax(0), 0.1, kind)
    back = dtw_table(-(y @ x.T / 0.1).log_softmax(0), 0.1, kind)
    log_p = ((-there).softmax(0) @ (-back).softmax(0)).T.log_softmax(1)
    rows = -0.9 * log_p.diagonal() - 0.1 * log_p.mean(1)
    return rows, there[-1, -1] + back[-1, -1]


def vava_transport(x: Tensor, y: Tensor, best: list[int], phi: float) -> tuple[Tensor, Tensor, Tensor]:
    """Transport cost, plan, kernel times cost, of evenly spaced frames; ``best`` counts from 1 = the virtual frame."""
    n, m = len(x) + 1, len(y) + 1
    order, entropy = float(n + m - 2), 0.1 * (n - 1) * (m - 1) / 4
    unit, virtual = math.sqrt(1 / n**2 + 1 / m**2), 1.5 * 2 * 5.0 / (n + m)

    def gauss(d):
        return math.exp(-((d / unit) ** 2) / 8) / (2 * math.sqrt(2 * math.pi))

    def pull(d):
        return order / (d**2 + 1)

    kernel, cost = [], []
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            diagonal, partner = abs(i / n - j / m), abs(j / m - (best[i - 2] if i > 1 else 1) / m)
            if (i == 1) != (j == 1):
                p, s = gauss(virtual), pull(virtual)
            else:
                p = phi * gauss(diagonal) + (1 - phi) * gauss(partner)
                s = phi * pull(diagonal) + (1 - phi) * pull(partner)
            d = ((x[i - 2] - y[j - 2]) ** 2).sum() if i > 1 and j > 1 else torch.tensor(0.5, dtype=x.dtype)
            cost.append(d)
            kernel.append((p * torch.exp((s - d) / entropy)).clamp(1e-15, 1e20))
    k, d = torch.stack(kernel).view(n, m), torch.stack(cost).view(n, m)
    u = torch.full((n,), 1 / n, dtype=x.dtype)
    for _ in range(20):
        u = (1 / n) / (k @ ((1 / m) / (k.T @ u)))
    v = (1 / m) / (k.T @ u)
    u = (1 / n) / (k @ v)
    plan = u[:, None] * k * v
    return (plan * d).sum() / (n * m), plan[1:, 1:], (k * d)[1:, 1:]


def vava_port_inter(x: Tensor, y: Tensor, score: Tensor) -> Tensor:
    """The inter-video value of the port: a cross-entropy of fixed logits (0, 1) against two mean distances."""

    def mean(by_x, by_y):
        return ((x - y[by_x]) ** 2 + (y - x[by_y]) ** 2).mean() / 0.5

    log_p = torch.tensor([0.0, 1.0], dtype=x.dtype).log_softmax(0)
    return -(mean(score.argmax(1), score.argmax(0)) * log_p[0] + mean(score.argmin(1), score.argmin(0)) * log_p[1])


def vava_intra(z: Tensor, far: float) -> Tensor:
    total = 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            d = ((z[i] - z[j]) ** 2).mean()
            total = total + (torch.relu(2 - d) if abs(i - j) > far else d / (1 + (i - j) ** 2))
    return total / len(z) ** 2


def tcn(z: Tensor) -> Tensor:
    """n-pairs with regulariser .002: rows 0, 2, 4.. against rows 1, 3, 5.."""
    anchors, positives = z[0::2], z[1::2]
    terms = []
    for i, a in enumerate(anchors):
        logits = torch.stack([a @ p for p in positives])
        terms.append(torch.logsumexp(logits, 0) - logits[i])
    norm = (anchors**2).sum(1).mean() + (positives**2).sum(1).mean()
    return torch.stack(terms).mean() + 0.25 * 0.002 * norm
