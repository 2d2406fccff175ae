"""A folder of tiny labelled videos and a configuration that trains on it in a second."""

import numpy as np
import pytest

from mvssl.video import write_video


@pytest.fixture(scope="session")
def tiny_videos(tmp_path_factory):
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


@pytest.fixture
def tiny_config(tiny_videos):
    """Values of an experiment; a test changes what it is about."""
    return {
        "data": {"root": str(tiny_videos)},
        "sampler": {"name": "carl", "num_frames": 8},
        "views": {"name": "carl", "size": 32},
        "encoder": {
            "name": "frame", "backbone": "test_resnet", "freeze": "all", "mlp": [16], "dim": 32, "num_heads": 4,
            "hidden": 32, "num_layers": 1,
        },
        "objective": {"name": "carl", "sigma_s": 0.2},
        "batch": {"size": 4},
        "optimiser": {"name": "adamw", "lr": 0.01},
        "train": {"steps": 8, "log_every": 1, "checkpoint_every": 3},
        "cache": {"passes": 2},
        "embed": {"size": 32},
    }  # fmt: skip
