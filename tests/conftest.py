"""Fixtures for all tests: where the real data is, one thread per process, seeded generators."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mvssl.video import write_video

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


@pytest.fixture(scope="session")
def tiny_videos(tmp_path_factory) -> Path:
    """A folder of six tiny labelled videos, five of them of split train."""
    root = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(0)
    rows = ["video,start_s,end_s,label"]
    (root / "videos").mkdir()
    table = ["video,split,num_frames,fps,duration_s,action"]
    for number in range(6):
        frames = rng.integers(0, 255, (20, 32, 32, 3), dtype=np.uint8)
        write_video(root / "videos" / f"v{number}.mp4", frames, fps=10)
        rows += [f"videos/v{number}.mp4,0.0,1.0,first", f"videos/v{number}.mp4,1.0,2.0,second"]
        table.append(f"videos/v{number}.mp4,{'val' if number == 5 else 'train'},20,10,2.0,action{number % 2}")
    (root / "segments.csv").write_text("\n".join(rows) + "\n")
    (root / "videos.csv").write_text("\n".join(table) + "\n")
    return root


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where the real data is there, a test that needs it may not skip."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("MVSSL_TEST_DATA") and "real_data" in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs real data, which is there, and skipped: {report.longrepr}"
