"""Fixtures for all tests: where the real data is, one thread per process, seeded generators."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(config, items):
    """Tests of real data skip where MVSSL_TEST_DATA is not set; where it is set, nothing of them may skip."""
    root = os.environ.get("MVSSL_TEST_DATA")
    if root:
        assert Path(root).is_dir(), f"MVSSL_TEST_DATA={root} is no folder"
        return
    skip = pytest.mark.skip(reason="MVSSL_TEST_DATA is not set")
    for item in items:
        if "real_data" in item.keywords or "data_root" in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real videos (pushups, falls, raise_hand, multicam, decode)."""
    return Path(os.environ["MVSSL_TEST_DATA"])


@pytest.fixture(scope="session")
def weights_root(data_root) -> Path:
    return data_root.parent / "weights"


@pytest.fixture(scope="session")
def goldens_root(data_root) -> Path:
    return data_root.parent / "goldens"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where the real data is there, a test that needs it may not skip."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("MVSSL_TEST_DATA") and "real_data" in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs real data, which is there, and skipped: {report.longrepr}"
