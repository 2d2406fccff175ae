"""A configuration that trains on a folder of tiny labelled videos in a second."""

import pytest


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
