"""The Ray pipeline writes the very tables that one process writes."""

import warnings

import numpy as np
import pytest
import torch

from mvssl.embedding import Model, embed_folder
from mvssl.frames import read_frames
from mvssl.video import read_videos, write_video

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")

from mvssl.embedding.ray_data import embed_with_ray  # noqa: E402


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_same_tables(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    (tmp_path / "videos").mkdir()
    for name in "abc":
        write_video(tmp_path / "videos" / f"{name}.mp4", rng.integers(0, 255, (12, 32, 48, 3), dtype=np.uint8), fps=8)
    model = Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32}).eval()
    model.save_pretrained(tmp_path / "run" / "model")
    videos = read_videos(tmp_path / "videos")
    expected, _ = embed_folder(
        model.encoder, videos, tmp_path / "one", recipe=model.recipe, normalise=model.normalise, progress=False
    )
    ray.init(num_cpus=3, include_dashboard=False, logging_level="error", object_store_memory=100_000_000)
    try:
        broken = videos[0]._replace(id="broken.mp4", path=str(tmp_path / "none.mp4"))
        done = embed_with_ray(tmp_path / "run", [*videos, broken], tmp_path / "two")
    finally:
        ray.shutdown()
    assert [row["num_frames"] for row in done] == [12, 12, 0, 12]  # a, b, broken, c
    assert [row["video"] for row in done if row["error"]] == ["broken.mp4"]
    found = read_frames(tmp_path / "two")
    assert found.ids == expected.ids
    assert found.metadata == expected.metadata
    for one, two in zip(found, expected):
        np.testing.assert_allclose(one.embedding, two.embedding, atol=1e-6)
        np.testing.assert_array_equal(one.time_s, two.time_s)
