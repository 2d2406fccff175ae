"""A batch that is not finite on one of two processes: both pass over it, or both stop with the same words."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from references import two_processes
from references.skipping_run import SAMPLES, STEPS, same
from references.skipping_together import FAST, SKIP, STOP, worker

FAST_SKIP, FAST_STOP = FAST


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    return run_all(tmp_path_factory, FAST_SKIP, FAST_STOP)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return run_all(tmp_path_factory, *(tuple(set(all_) - set(some)) for all_, some in zip((SKIP, STOP), FAST)))


def run_all(tmp_path_factory, skip, stop):
    folder = tmp_path_factory.mktemp("together")
    two_processes.start(worker, str(folder), skip, stop)
    return folder


def cases(names, fast):
    return [(name, "fast") if name in fast else pytest.param(name, "others", marks=pytest.mark.slow) for name in names]


def read(run):
    """What each of two processes found."""
    return [torch.load(run / f"{rank}.pt", weights_only=False) for rank in range(2)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("name", "folder"), cases(SKIP, FAST_SKIP))
def test_both_pass_over_the_step_and_go_on(name, folder, request):
    run = request.getfixturevalue(folder) / "skip" / name
    first, second = read(run)
    for part in (first, second):
        assert part["skipped"] == 1
        assert part["changed"][1] == set(), "parameters, buffers, EMA, queues, optimiser and scaler are as before"
        assert all(part["changed"][step] for step in range(STEPS) if step != 1)
        assert all(torch.isfinite(value).all() for value in part["state"].values())
    assert first["state"].keys() == second["state"].keys()
    for key, value in first["state"].items():
        assert same(value, second["state"][key]), f"{key} differs between the processes"
    logged = lines(run / "metrics.jsonl")
    assert [line["step"] for line in logged] == list(range(STEPS))
    assert [line["skipped"] for line in logged] == [0, 1, 1, 1]


@pytest.mark.parametrize(("name", "folder"), cases(STOP, FAST_STOP))
def test_both_stop_with_the_same_words(name, folder, request):
    run = request.getfixturevalue(folder) / "stop" / name
    first, second = read(run)
    assert first == second
    assert first["steps"] == 2
    assert "step 1: loss nan" in first["words"]
    logged = lines(run / "non_finite.jsonl")
    written = [sample for line in logged for sample in line["samples"]]
    assert SAMPLES - 1 in written
    assert len(written) == len(set(written)), "each part once"
    assert str(written) in first["words"]
    finite = [math.isfinite(line["terms"]["loss"]) for line in logged]
    assert finite == ([True, False] if STOP[name].get("objective") == "classify" else [False, False])
