"""A long video goes through an encoder in overlapping windows; what is in memory at once changes no result."""

import numpy as np
import pytest
import torch

from mvssl import config
from mvssl.embedding import Recipe, embed_video
from mvssl.video import open_video, write_video

FRAME = {
    "name": "frame", "backbone": "test_resnet", "mlp": (16,), "dim": 32, "num_heads": 4, "hidden": 32, "num_layers": 1,
    "pooling": "attention", "grid": 2, "query_dim": 8, "centre": True,
}  # fmt: skip
CLIP = {"name": "clip", "backbone": "x3d_s", "num_frames": 6, "size": 32}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Three seconds at 8 frames a second, ever brighter: 5 windows of 1 s."""
    path = tmp_path_factory.mktemp("long") / "a.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3))
    write_video(path, (noise * np.linspace(0.1, 1, 24)[:, None, None, None]).astype(np.uint8), fps=8)
    with open_video(path) as decoder:
        return decoder.video


@pytest.mark.parametrize("spec", [FRAME, CLIP], ids=["frame", "clip"])
def test_windows_do_not_depend_on_what_is_in_memory_at_once(spec, video, monkeypatch):
    torch.manual_seed(0)
    encoder = config.build("mvssl.encoders", spec, "encoder")
    recipe = Recipe(size=32, window_s=1.0)
    whole = embed_video(encoder, video, recipe=recipe)
    monkeypatch.setattr("mvssl.embedding.video.PICTURES_AT_ONCE", 5)
    encoder.chunk = 3
    encoder.clips_at_once = 3
    parts = embed_video(encoder, video, recipe=recipe)
    assert np.allclose(whole.embedding, parts.embedding, atol=1e-4)
    assert np.array_equal(whole.time_s, parts.time_s)
    one = embed_video(encoder, video, recipe=recipe.model_copy(update={"window_s": 60.0}))
    assert not np.allclose(whole.embedding, one.embedding, atol=1e-3)  # there were windows
