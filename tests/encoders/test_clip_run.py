"""A clip encoder through a whole run: trained on clips, saved, loaded, and videos embedded by it."""

import numpy as np
import pytest

from mvssl import config
from mvssl.embedding import load
from mvssl.errors import ConfigError
from mvssl.training import pretrain
from mvssl.video import write_video

SMALL = [
    "views.size=32", "encoder.size=32", "encoder.num_frames=4", "sampler.num_frames=4", "objective.hidden_dim=16",
    "batch.size=2", "train.steps=2", "train.precision='no'", "train.num_workers=0", "embed.size=32", "embed.window_s=0.8",
]  # fmt: skip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for name in "ab":
        write_video(root / f"{name}.mp4", rng.integers(0, 255, (16, 32, 32, 3), dtype=np.uint8), fps=10)
    return root


def values(videos, *overrides):
    return config.load(config.find("cvrl_r3d50", "pretrain"), [f"data.root={videos}", *SMALL, *overrides])


def test_cvrl_on_r3d50_trains_and_embeds(videos, tmp_path):
    run = pretrain(values(videos), tmp_path / "run", progress=False)
    model = load(run)
    time_s, embedding = model.embed(videos / "a.mp4")
    assert embedding.shape == (len(time_s), 2048)
    assert np.isfinite(embedding).all()
    before = config.build("mvssl.encoders", {"name": "clip", "num_frames": 4, "size": 32}, "encoder")
    moved = model.encoder.clips.model.blocks[0].norm.running_mean - before.clips.model.blocks[0].norm.running_mean
    assert moved.abs().max() > 0


def test_chunks_of_a_batch_are_refused(videos, tmp_path):
    with pytest.raises(ConfigError, match="looks at clips"):
        pretrain(values(videos, "train.chunk=1"), tmp_path / "run", progress=False)
