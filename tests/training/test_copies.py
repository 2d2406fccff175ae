"""Copies for the alignment error: other pictures of the same instants, the same for the same seed."""

import numpy as np
import pytest
import torch

from mvssl import config
from mvssl.embedding import Recipe, embed_folder
from mvssl.evaluation import WarpError
from mvssl.frames import Frames
from mvssl.loading import FeatureCache
from mvssl.training import copies
from mvssl.training.copies import augmented_copies, can_be_augmented, source
from mvssl.video import read_videos


@pytest.fixture
def made(tiny_videos, tmp_path):
    torch.manual_seed(0)
    image = config.build("mvssl.encoders", {"name": "image", "backbone": "test_resnet", "weights": "none"}, "encoder")
    videos, recipe = read_videos(tiny_videos)[:2], Recipe(size=32)
    plain = embed_folder(image, videos, tmp_path / "plain", recipe=recipe, progress=False)[0]

    def make(name, *, plain=plain, **options):
        return augmented_copies(image, plain, videos, tmp_path / name, recipe=recipe, **options)

    make.image, make.videos = image, videos

    return plain, make


def test_a_copy_stands_beside_its_source_alone(made):
    plain, make = made
    found = make("copies")
    assert {source(video.session) for video in found} == set(plain.ids)
    for session in {video.session for video in found}:
        own, whole = found[session], found[f"{session}#plain"]
        assert {video.video for video in found if video.session == session} == {own.video, whole.video}
        np.testing.assert_array_equal(whole.embedding, plain[source(session)].embedding)
        shown = own.extra["source_time_s"][:, 0]
        assert np.isin(shown, whole.time_s).all()
        same_instant = whole.embedding[np.searchsorted(whole.time_s, shown)]
        assert np.linalg.norm(own.embedding - same_instant, axis=1).min() > 1e-4
    assert WarpError().evaluate(found).value["nearest_s"] > 0


def test_each_warp_has_an_augmentation_of_its_own_unless_they_share_one(made):
    _, make = made
    for name, own in (("own", True), ("shared", False)):
        found = make(name, warps=("none", "pause"), own_augmentation=own)
        first, second = (found[f"{found[0].video.split('#')[0]}#{warp}"] for warp in ("none", "pause"))
        times = [video.extra["source_time_s"][:, 0] for video in (first, second)]
        both = np.intersect1d(*times)
        assert len(both)
        rows = [
            video.embedding[np.searchsorted(time, both)] for video, time in zip((first, second), times, strict=True)
        ]
        assert np.array_equal(*rows) != own


def test_the_same_seed_gives_the_same_copies(made):
    _, make = made
    first, again, other = make("a", seed=3), make("b", seed=3), make("c", seed=4)
    assert first.ids == again.ids
    assert all(np.array_equal(a.embedding, b.embedding) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.embedding, b.embedding) for a, b in zip(first, other, strict=True))


def test_copies_are_drawn_otherwise_than_training_with_the_same_seed(made, tmp_path):
    """Else a run would be measured on the very pictures that it was trained on."""
    plain, make = made
    found = make("copies", seed=0, warps=("none",))
    image = config.build("mvssl.encoders", {"name": "image", "backbone": "test_resnet", "weights": "none"}, "encoder")
    image.load_state_dict(make.image.state_dict())
    transform = config.build("mvssl.views", {**copies.VIEWS, "size": 32}, "views")
    rgb = config.build("mvssl.views.modalities", "rgb", "rgb")
    cache = FeatureCache(
        tmp_path / "cache", image, transform, passes=1, seed=0, recipe=Recipe(size=32), modality=rgb, about={}
    )
    cache.fill(make.videos, progress=False)
    for video in make.videos:
        passes, copy = cache.read(video), found[f"{video.id}#none"]
        rows = passes.features[0].astype(np.float32) + passes.mean
        shown = rows[np.searchsorted(plain[video.id].time_s, copy.extra["source_time_s"][:, 0])]
        assert np.abs(shown - copy.embedding).max() > 1e-3


@pytest.mark.parametrize(
    ("fields", "group"), [({"group": "g", "session": "s"}, "g"), ({"session": "s"}, "s"), ({}, None)]
)
def test_a_copy_belongs_to_the_group_of_its_source(made, fields, group):
    """Copies of one group are no independent videos."""
    plain, make = made
    given = Frames([video._replace(**fields) for video in plain], plain.metadata)
    found = make("copies", plain=given, warps=("none",))
    assert {video.group for video in found} == ({group} if group else set(plain.ids))


def test_copies_differ_by_their_compression_too(made, monkeypatch):
    plain, make = made
    before = [video.embedding.copy() for video in plain]
    found = make("compressed", seed=3)
    monkeypatch.setattr(copies, "VIEWS", {"name": "compressed", "jpeg_quality": (100, 100)})
    hardly = make("hardly", seed=3)
    changed = 0.0
    for one, other in zip(found, hardly, strict=True):
        if not one.video.endswith("#plain"):
            changed = max(changed, float(np.abs(one.embedding - other.embedding).max()))
            continue
        np.testing.assert_array_equal(one.embedding, before[plain.ids.index(source(one.session))])
    assert changed > 1e-3


def test_sound_has_no_copies():
    assert can_be_augmented(Recipe())
    assert not can_be_augmented(Recipe(modality={"name": "sound"}))
