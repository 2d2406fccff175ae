"""``embed`` with a seed of cuts: versions with known source times, which the encoder sees alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mvssl.api import embed
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.evaluation import Offsets, WarpError
from mvssl.frames import read_frames
from mvssl.types import Video
from mvssl.video import write_video

ENCODER = {"name": "frame", "backbone": "test_resnet", "mlp": [8], "dim": 16, "num_heads": 2, "hidden": 16,
           "num_layers": 1, "embedding_dim": 8}  # fmt: skip
STEP_S = 0.1


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model(encoder=ENCODER, recipe={"size": 32}).eval()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two cameras of one session; one of them started 0.3 s earlier."""
    root = tmp_path_factory.mktemp("videos")
    shade = np.linspace(0, 255, 43)[:, None, None, None] * np.ones((1, 32, 32, 3))
    write_video(root / "a.mp4", shade[3:].astype(np.uint8), fps=10)
    write_video(root / "b.mp4", shade[:40].astype(np.uint8), fps=10)
    rows = [("a.mp4", 0.3), ("b.mp4", 0.0)]
    return [Video(name, str(root / name), session="take", camera=name[0], offset_s=off) for name, off in rows]


def test_versions_are_cut_independently_and_keep_their_source_times(model, videos, tmp_path):
    table = embed(model, videos, tmp_path, cut_seed=0, progress=False)
    assert table.ids == sorted(f"{v.id}#{w}" for v in videos for w in ("none", "pause", "speed", "repeat", "remove"))
    for version in read_frames(tmp_path):
        source = version.extra["source_time_s"][:, 0]
        np.testing.assert_allclose(source, np.round(source / STEP_S) * STEP_S, atol=1e-5)
        np.testing.assert_allclose(version.time_s, np.arange(len(source)) * STEP_S)  # its own clock, from 0
        assert version.end_s == pytest.approx(len(source) * STEP_S)
        if version.video.endswith("#none"):
            np.testing.assert_allclose(np.diff(source), STEP_S, atol=1e-5)
            assert len(source) <= 40
    starts = {version.extra["source_time_s"][0, 0] for version in table}
    assert len(starts) > 3


def test_the_encoder_sees_only_the_cut(model, videos, tmp_path):
    """A cut version equals the embedding of a video that holds nothing but the cut; it is no slice of the whole."""
    cut = embed(model, videos[:1], tmp_path / "cut", cut_seed=1, warps=["none"], progress=False)[0]
    whole = embed(model, videos[:1], tmp_path / "whole", progress=False)[0]
    source = cut.extra["source_time_s"][:, 0]
    part = videos[0]._replace(id="part", start_s=float(source[0]), end_s=float(source[-1]) + STEP_S)
    alone = embed(model, [part], tmp_path / "alone", progress=False)[0]
    np.testing.assert_allclose(cut.embedding, alone.embedding, atol=1e-5)
    rows = np.searchsorted(whole.time_s, source - 1e-4)
    assert np.abs(cut.embedding - whole.embedding[rows]).max() > 1e-3


def test_a_seed_gives_the_same_cuts_whatever_is_embedded_beside(model, videos, tmp_path):
    both = embed(model, videos, tmp_path / "both", cut_seed=3, warps=["none", "pause"], progress=False)
    one = embed(model, videos[1:], tmp_path / "one", cut_seed=3, warps=["pause"], progress=False)
    other = embed(model, videos, tmp_path / "other", cut_seed=4, warps=["none", "pause"], progress=False)
    key = "source_time_s"
    np.testing.assert_array_equal(one[0].extra[key], both["b.mp4#pause"].extra[key])
    assert any(not np.array_equal(a.extra[key], b.extra[key]) for a, b in zip(both, other))
    with pytest.raises(InputError, match="embed into a new folder"):
        embed(model, videos, tmp_path / "both", cut_seed=4, warps=["none", "pause"], progress=False)


def test_the_evaluators_read_the_table(model, videos, tmp_path):
    embed(model, videos, tmp_path, cut_seed=0, warps=["none", "speed"], progress=False)
    table = read_frames(tmp_path)
    shown = table.with_embeddings([v.extra["source_time_s"] + v.offset_s for v in table])  # knows the truth
    perfect = WarpError().evaluate(shown)
    assert perfect.value["nearest_s"] == pytest.approx(0, abs=1e-4)
    assert perfect.controls["time only"]["nearest_s"] > 0.1
    offsets = Offsets().evaluate(shown)
    assert offsets.value["mean_s"] == pytest.approx(0, abs=1e-4)
    assert offsets.details["num_pairs"] == 2  # the two plain cuts, both ways: a warped version has no single offset
    assert offsets.undefined == 10
    assert offsets.controls["time only"]["mean_s"] > 0.1


def test_refusals(model, videos, tmp_path):
    with pytest.raises(InputError, match="no layer 'head' in this encoder; it has: backbone, mlp, transformer"):
        embed(model, videos, tmp_path, layers=("head",), progress=False)
    short = videos[0]._replace(id="short", end_s=0.5)
    with pytest.raises(InputError, match=r"short: a video of 5 frames is too short to be cut"):
        embed(model, [short], tmp_path, cut_seed=0, progress=False)
