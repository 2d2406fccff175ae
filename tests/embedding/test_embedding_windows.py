"""Windows cover every row once, and the embedding depends on nothing but the video and the model."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.embedding import Model, Recipe, embed_folder, embed_video, load, project
from mvssl.embedding.video import windows
from mvssl.encoders import BackboneEncoder
from mvssl.errors import InputError
from mvssl.frames import VideoFrames, file_name, read_frames, write_frames
from mvssl.video import read_videos, write_video

ENCODER = {
    "name": "frame",
    "backbone": "test_resnet",
    "mlp": [16],
    "dim": 32,
    "num_heads": 4,
    "hidden": 32,
    "num_layers": 1,
}


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=80),
    window_s=st.floats(0.5, 20.0),
)
def test_windows_keep_every_row_once_and_see_what_they_keep(steps, window_s):
    time_s = np.cumsum(steps)
    kept = []
    for seen, keep in windows(time_s, window_s):
        assert seen.start <= keep.start < keep.stop <= seen.stop
        assert time_s[seen.stop - 1] - time_s[seen.start] <= window_s * 1.51 + 1e-6
        kept += range(keep.start, keep.stop)
    assert kept == list(range(len(time_s)))


def test_a_short_video_is_one_window():
    assert list(windows(np.arange(10) / 10, 60.0)) == [(slice(0, 10), slice(0, 10))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        frames = rng.integers(0, 255, (24, 32, 48, 3), dtype=np.uint8)
        write_video(root / f"{name}.mp4", frames, fps=8)
    return root


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model(encoder=ENCODER, recipe={"size": 32, "window_s": 1.0}).eval()


def test_the_number_of_pictures_at_once_changes_nothing(folder, model, monkeypatch):
    whole = model.frames(folder / "a.mp4")
    monkeypatch.setattr("mvssl.embedding.video.PICTURES_AT_ONCE", 5)
    parts = model.frames(folder / "a.mp4")
    assert np.allclose(whole.embedding, parts.embedding, atol=1e-5)
    assert np.array_equal(whole.time_s, parts.time_s)
    assert np.allclose(np.linalg.norm(whole.embedding, axis=1), 1, atol=1e-5)


def test_projecting_backbone_features_equals_embedding_afresh(folder, model, tmp_path):
    videos = read_videos(folder)
    backbone, _ = embed_folder(
        BackboneEncoder(model.encoder.backbone), videos, tmp_path, recipe=model.recipe, progress=False
    )
    projected = project(model.encoder, backbone, recipe=model.recipe)
    afresh = [model.frames(video).embedding for video in videos]
    for found, expected in zip(projected.embeddings, afresh):
        assert np.allclose(found, expected, atol=1e-5)
    with pytest.raises(InputError, match="cannot be projected"):
        project(Model(encoder=ENCODER, recipe={"size": 32}).encoder, backbone, recipe=model.recipe)


def test_a_saved_model_embeds_the_same(folder, model, tmp_path):
    model.save_pretrained(tmp_path / "run" / "model")
    for source in (tmp_path / "run", tmp_path / "run" / "model", tmp_path / "run" / "model" / "model.safetensors"):
        again = load(source)
        assert np.array_equal(again.embed(folder / "a.mp4")[1], model.embed(folder / "a.mp4")[1])
    hub = Model.from_pretrained(tmp_path / "run" / "model").eval()
    assert np.array_equal(hub.embed(folder / "a.mp4")[1], model.embed(folder / "a.mp4")[1])


@pytest.mark.parametrize("damage", ["absent", "empty", "truncated", "wrong key"])
def test_an_unreadable_model_is_one_clear_error(model, tmp_path, damage):
    run = tmp_path / "run"
    model.save_pretrained(run / "model")
    weights, spec = run / "model" / "model.safetensors", run / "model" / "config.json"
    if damage == "absent":
        weights.unlink()
    elif damage == "empty":
        weights.write_bytes(b"")
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        spec.write_text(spec.read_text().replace("num_heads", "num_haeds"))
    with pytest.raises(InputError, match=r"model|num_haeds"):
        load(run)


def test_finished_tables_are_not_made_again_and_models_are_not_mixed(folder, model, tmp_path):
    videos = read_videos(folder)
    embed_folder(model.encoder, videos[:1], tmp_path, recipe=model.recipe, normalise=True, progress=False)
    before = (tmp_path / file_name(videos[0].id)).stat().st_mtime_ns
    frames, _ = embed_folder(model.encoder, videos, tmp_path, recipe=model.recipe, normalise=True, progress=False)
    assert (tmp_path / file_name(videos[0].id)).stat().st_mtime_ns == before
    assert frames.ids == read_frames(tmp_path).ids == ["a.mp4", "b.mp4"]
    with pytest.raises(InputError, match="made by model"):
        embed_folder(model.encoder, videos, tmp_path, recipe=Recipe(size=40), progress=False)


def test_a_warped_copy_says_where_its_frames_come_from(folder, model):
    video = read_videos(folder)[0]

    def backwards(time_s):
        return time_s[::-1], np.arange(len(time_s)) / 8

    found = embed_video(model.encoder, video, recipe=model.recipe, warp=backwards)
    assert np.allclose(found.extra["source_time_s"][:, 0], np.arange(24)[::-1] / 8, atol=1e-6)
    assert np.array_equal(found.frame, np.arange(24)[::-1])


def test_fps_takes_the_frame_shown_at_each_instant():
    times = np.array([0.0, 0.04, 0.08, 0.12, 0.5, 0.54])
    assert Recipe(fps=10).frames_of(times).tolist() == [0, 2, 3, 4]
    assert Recipe().frames_of(times).tolist() == list(range(6))


def test_a_table_is_whole_or_absent(tmp_path, monkeypatch):
    video = VideoFrames("x/y z.mp4", np.arange(2), np.arange(2.0), np.ones((2, 3), np.float32))
    write_frames(tmp_path, video, {"model": "m"})
    found = read_frames(tmp_path)["x/y z.mp4"]
    assert np.array_equal(found.embedding, video.embedding)

    def broken(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("mvssl.frames.pq.write_table", broken)
    with pytest.raises(InputError, match="disk full"):
        write_frames(tmp_path, video._replace(video="other"), {"model": "m"})
    assert [path.name for path in tmp_path.iterdir()] == [file_name("x/y z.mp4")]
