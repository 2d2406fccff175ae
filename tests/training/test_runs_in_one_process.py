"""Runs one after another in one process, and loaders whose workers are spawned: what macOS, Windows and notebooks do."""

from __future__ import annotations

import json
import multiprocessing
import pickle

import numpy as np
import pytest

from mvssl.training import pretrain


def test_a_second_run_may_have_another_precision_and_accumulation(tiny_config, tmp_path):
    tiny_config["train"] |= {"steps": 2, "precision": "no"}
    pretrain(tiny_config, tmp_path / "a", progress=False)
    tiny_config["train"] |= {"precision": "bf16", "accumulate": 2}
    pretrain(tiny_config, tmp_path / "b", progress=False)
    tiny_config["train"] |= {"precision": "no", "accumulate": 1}
    pretrain(tiny_config, tmp_path / "c", progress=False)
    first, last = (
        [json.loads(line)["loss"] for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in "ac"
    )
    assert first == last  # the run between has left nothing behind
    assert np.isfinite(first).all()


@pytest.fixture
def spawned():
    """Workers are spawned, as on macOS and Windows, in place of forked."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def test_workers_that_are_spawned_read_the_same(tiny_config, tmp_path, spawned):
    tiny_config["train"]["steps"] = 2
    tiny_config["cache"] = {"passes": 0}
    found = []
    for num_workers in (0, 1):
        run = tmp_path / str(num_workers)
        tiny_config["train"]["num_workers"] = num_workers
        pretrain(tiny_config, run, progress=False)
        found.append([json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()])
    assert found[0] == found[1]


def test_errors_cross_between_processes():
    from mvssl.errors import ConfigError, InputError, VideoError

    for error in (InputError("a"), ConfigError("b"), VideoError("c", path="x", kind="corrupt", time_s=1.0)):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
