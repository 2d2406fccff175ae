"""Two gloo processes against one: gathers, global batch norm, and every objective by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parent))
from references import two_processes
from references.two_processes import SPLIT

import mvssl.distributed as ours
from mvssl import objectives

MORE: dict[str, list[dict[str, Any]]] = {
    "carl": [{"negatives": "gathered"}, {"negatives": "gathered", "ignore_nearest": 0.3}],
    "classify": [{"level": "clip", "label_smoothing": 0.1}],
    "cmc": [
        {"negatives": "queue", "num_negatives": 12},
        {"negatives": "bank", "num_negatives": 5},
        {"negatives": "bank", "num_negatives": 5, "loss": "nce"},
        {"level": "frame"},
        {"level": "frame", "negatives": "session", "hidden_dim": 8},
    ],
    "frame_wise": [{"objective": {"name": "barlow_twins"}, "stride": 2}],
    "gta": [{"pairs": "views", "projection": "mlp"}, {"pairs": "all"}],
    "lav": [{"pairs": "all", "projection": "mlp"}],
    "sum": [{"objectives": [{"name": "carl"}, {"name": "simclr"}], "weights": [1.0, 0.3]}],
    "tcc": [{"loss": "classification", "projection": "mlp"}],
    "tcn": [{"positives": "views", "projection": "mlp"}],
    "vava": [{"pairs": "views", "projection": "mlp", "inter_weight": 0.1}],
    "weak_carl": [{"negatives": "gathered", "cost_quantile": 0.5}],
}
CASES = [(name, parameters) for name in objectives.names() for parameters in ({}, *MORE.get(name, []))]


def primitives(rank: int) -> dict[str, torch.Tensor]:
    """Each function on rows that differ by rank; the loss is quadratic so that gradients cross ranks."""
    x = (torch.arange(6.0, dtype=torch.float64).view(2, 3) + 10 * rank).requires_grad_()
    found = {"rank": torch.tensor(ours.rank()), "world": torch.tensor(ours.world_size())}
    weight = torch.arange(12.0, dtype=torch.float64).view(4, 3) + 1
    rows = ours.gather_with_grad(x)
    found["gathered"] = rows.detach()
    found["gather_grad"] = torch.autograd.grad((rows**2 * weight).sum() * (rank + 1), x)[0]
    total = ours.sum_with_grad(x)
    found["summed"] = total.detach()
    found["sum_grad"] = torch.autograd.grad((total**2).sum() * (rank + 1), x)[0]
    turned = x.detach().T  # not contiguous
    found["turned"] = ours.gather(turned)
    found["turned_grad"] = ours.gather_with_grad(turned)
    found["flags"] = ours.gather(torch.tensor([rank == 1]))
    found["count"] = ours.global_count(torch.ones(rank + 1, dtype=torch.bool))
    found["mean"] = ours.mean_over_batch(torch.full((3 * rank,), 4.0, dtype=torch.float64))
    found["unequal"] = ours.mean_over_batch(torch.arange(2.0 + rank, dtype=torch.float64) + 5 * rank)
    return found


def norm_of(rank: int | None) -> dict[str, torch.Tensor]:
    """Global batch norm of masked rows: of this rank's part, or of all (None)."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(4, 5, generator=generator) < 0.6
    weight = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    rows = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    x = x[rows].requires_grad_()
    norm = ours.GlobalBatchNorm(3).double()
    out = norm(x, mask[rows])
    grad = torch.autograd.grad((out**2 * weight[rows])[mask[rows]].sum(), x)[0]
    return {"out": out.detach(), "grad": grad, "mean": norm.running_mean, "var": norm.running_var}


def worker(rank: int, port: int, folder: str) -> None:
    two_processes.join(rank, port)
    found: dict[Any, Any] = {"primitives": primitives(rank), "norm": norm_of(rank)}
    found |= {i: two_processes.together(name, parameters, rank) for i, (name, parameters) in enumerate(CASES)}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("gloo")
    two_processes.start(worker, str(folder))
    return [torch.load(folder / f"{rank}.pt") for rank in range(SPLIT)]


def test_primitives(two):
    a, b = two[0]["primitives"], two[1]["primitives"]
    first = torch.arange(6.0, dtype=torch.float64).view(2, 3)
    rows, weight = torch.cat([first, first + 10]), torch.arange(12.0, dtype=torch.float64).view(4, 3) + 1
    for rank, found in enumerate((a, b)):
        assert (found["rank"], found["world"]) == (rank, 2)
        assert torch.equal(found["gathered"], rows)
        # both ranks' losses reach the rows: 1 + 2 times the gradient
        expected = (3 * 2 * rows * weight)[2 * rank : 2 * rank + 2]
        torch.testing.assert_close(found["gather_grad"], expected, rtol=1e-14, atol=0)
        torch.testing.assert_close(found["summed"], 2 * first + 10, rtol=1e-14, atol=0)
        torch.testing.assert_close(found["sum_grad"], 3 * 2 * (2 * first + 10), rtol=1e-14, atol=0)
        for key in ("turned", "turned_grad"):
            assert torch.equal(found[key], torch.cat([first.T, first.T + 10]))
        assert found["flags"].tolist() == [False, True]
        assert found["flags"].dtype == torch.bool
        assert found["count"] == 3
    assert (a["mean"] + b["mean"]) / 2 == 4.0  # one rank has no term at all
    assert ((a["unequal"] + b["unequal"]) / 2).item() == pytest.approx((0 + 1 + 5 + 6 + 7) / 5)


def test_global_batch_norm(two):
    whole = norm_of(None)
    for key in ("out", "grad"):
        torch.testing.assert_close(torch.cat([t["norm"][key] for t in two]), whole[key], rtol=1e-11, atol=1e-12)
    for key in ("mean", "var"):
        assert torch.equal(two[0]["norm"][key], two[1]["norm"][key])
        torch.testing.assert_close(two[0]["norm"][key], whole[key], rtol=1e-12, atol=1e-14)


def test_global_batch_norm_is_torch_batch_norm_in_one_process():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    mine, theirs = ours.GlobalBatchNorm(4).double(), torch.nn.BatchNorm1d(4).double()
    torch.testing.assert_close(mine(x), theirs(x), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(mine.running_var, theirs.running_var, rtol=1e-12, atol=0)
    torch.testing.assert_close(mine.eval()(x), theirs.eval()(x), rtol=1e-10, atol=1e-12)
    padded = torch.cat([x, torch.full((3, 4), 1e6, dtype=torch.float64)])
    fresh = ours.GlobalBatchNorm(4).double()
    out = fresh(padded[None], torch.arange(23)[None] < 20)[0, :20]
    torch.testing.assert_close(out, torch.nn.BatchNorm1d(4).double()(x), rtol=1e-10, atol=1e-12)


def test_global_batch_norm_without_any_valid_row_learns_nothing():
    norm = ours.GlobalBatchNorm(3)
    out = norm(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 4, dtype=torch.bool))
    assert torch.isfinite(out).all()
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert torch.equal(norm.running_var, torch.ones(3))


@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{n}-{p}" if p else n for n, p in CASES])
def test_two_processes_equal_one(two, case):
    """Loss and gradients of two steps, with heads on; queues and banks end equal."""
    alone, after = two_processes.alone(*CASES[case])
    for rank in range(SPLIT):
        results, buffers = two[rank][case]
        for (loss, grads), (expected, wanted) in zip(results, alone, strict=True):
            assert torch.isfinite(expected)
            torch.testing.assert_close(loss, expected, rtol=1e-8, atol=1e-8)
            assert grads.keys() == wanted.keys()
            for key, grad in grads.items():
                torch.testing.assert_close(grad, wanted[key], rtol=1e-8, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}")
        for key, value in after.items():
            torch.testing.assert_close(buffers[key], value, rtol=1e-8, atol=1e-8, equal_nan=True)


@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{n}-{p}" if p else n for n, p in CASES])
def test_the_comparison_means_something(case):
    """The gradient of the encoder is not zero in the batch that is compared."""
    found, _ = two_processes.alone(*CASES[case])
    assert max(g.abs().max() for key, g in found[-1][1].items() if key.startswith("encoder")) > 1e-6
