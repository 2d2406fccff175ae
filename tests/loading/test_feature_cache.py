"""The cache of backbone features: what each pass is drawn from, what its key holds, and which frames a view gets."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mvssl import config
from mvssl.embedding import Recipe
from mvssl.loading import ClipDataset, FeatureCache, Loader
from mvssl.loading.cache import Passes
from mvssl.loading.features import cached_view
from mvssl.loading.plan import Shown
from mvssl.sampling import BatchPlan
from mvssl.types import ClipRequest, Video
from mvssl.video import scan
from mvssl.views import PARAMETERS, Drawn, Modality

ENCODER = {
    "name": "frame",
    "backbone": "test_resnet",
    "freeze": "all",
    "mlp": [8],
    "dim": 16,
    "num_heads": 2,
    "hidden": 16,
}


@pytest.fixture
def make(tmp_path):
    """A cache of a tiny encoder; what is given replaces what it is made of."""

    def made(weights_seed=0, transform=None, **given):
        torch.manual_seed(weights_seed)
        encoder = config.build("mvssl.encoders", {**ENCODER, "num_layers": 1}, "encoder")
        transform = transform or config.build("mvssl.views", {"name": "carl", "size": 32}, "views")
        options = {"passes": 4, "seed": 0, "recipe": Recipe(size=32), "modality": RGB, "about": {"size": 32}}
        return FeatureCache(tmp_path, encoder, transform, **{**options, **given})

    return made


RGB: Modality = config.build("mvssl.views.modalities", {"name": "rgb"}, "modality")


def test_every_pass_of_every_video_has_a_draw_of_its_own(make, tiny_videos, monkeypatch):
    transform = config.build("mvssl.views", {"name": "carl", "size": 32}, "views")
    asked, real = [], type(transform).draw

    def draw(self, view, width, height, generator):
        asked.append((view, generator.bit_generator.state["state"]["state"]))
        return real(self, view, width, height, generator)

    monkeypatch.setattr(type(transform), "draw", draw)
    videos = scan(tiny_videos).videos[:3]
    make(transform=transform).fill(videos, progress=False)
    assert [view for view, _ in asked] == [0, 1, 0, 1] * 3  # as many draws of the first view as of the second
    assert len({state for _, state in asked}) == 12


def test_the_key_holds_all_that_the_features_depend_on(make, tiny_videos, tmp_path):
    others = [
        {},
        {"weights_seed": 1},
        {"passes": 2},
        {"seed": 1},
        {"about": {"size": 48}},
        {"recipe": Recipe(size=32, fps=5.0)},
    ]
    assert len({make(**other).folder for other in others}) == len(others)
    assert make().folder == make().folder
    copy = tmp_path / "v.mp4"
    copy.write_bytes((tiny_videos / "videos" / "v0.mp4").read_bytes())
    video = scan(copy).videos[0]
    paths = {make().find(video)}
    copy.write_bytes((tiny_videos / "videos" / "v1.mp4").read_bytes())
    paths |= {make().find(video), make().find(video._replace(end_s=1.0)), make().find(video._replace(id="other"))}
    assert len(paths) == 4


def test_a_view_gets_the_frame_that_is_shown_at_each_instant():
    rng = np.random.default_rng(0)
    time_s = np.arange(20) / 10
    drawn = Drawn(box=(0.125, 0.25, 0.75, 1.0), flip=True, contrast=0.5)
    passes = Passes(rng.random((3, 20, 4)).astype(np.float16), rng.random(4), time_s, np.zeros((3, 4)), np.zeros(3))
    asked_s = np.array([0.0, 0.05, 0.0999, 0.1, 0.0999999, 1.35, 5.0])
    found = cached_view(passes, Shown(Video("v", "v.mp4"), ClipRequest("v", asked_s), drawn, 2))
    for i, row in enumerate([0, 0, 1, 1, 1, 13, 19]):  # the frame that begins within .1 ms is the one that is meant
        np.testing.assert_allclose(found.pixels[i], passes.features[2, row].astype(np.float32) + passes.mean, rtol=1e-6)
        assert found.time_s[i] == time_s[row]
    assert found.box.tolist() == list(drawn.box)
    assert PARAMETERS[-1] == "step_s"
    assert found.params[:-1].tolist() == drawn.columns(0.0)[:-1].tolist()
    assert float(found.params[-1]) == pytest.approx(1.9 / 6), "that of what this view shows"


def test_two_views_of_a_sample_show_two_passes_and_all_pairs_occur(make, tiny_videos):
    videos = scan(tiny_videos).videos[:4]
    cache = make()
    cache.fill(videos, progress=False)
    videos = [video._replace(label=label) for video, label in zip(videos, "dbca")]
    samples = [(video,) for video in videos]
    sampler = config.build("mvssl.sampling", {"name": "carl", "num_frames": 6}, "sampler")
    names = list(sampler.views)
    dataset = ClipDataset(
        samples, sampler=sampler, transform=cache.transform, videos=videos, caches=dict.fromkeys(names, cache)
    )
    pairs = set()
    for _, batch in Loader(dataset, BatchPlan(samples, batch_size=4), end_step=40):
        assert batch.label.tolist() == [[3, 1, 2, 0][i] for i in batch.index]
        for i, sample in enumerate(batch.index.tolist()):
            boxes = cache.read(videos[sample]).box
            shown = [int(np.abs(boxes - batch.views[name].box[i].numpy()).sum(1).argmin()) for name in names]
            assert batch.video_id[i].tolist() == [sample, sample]
            pairs.add(tuple(shown))
    assert pairs == {(a, b) for a in range(4) for b in range(4) if a != b}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of this kind")
def test_more_videos_than_files_may_be_open_at_once(tmp_path):
    """Every file that is mapped into memory holds a descriptor; macOS gives a process 256."""
    code = """
import resource, sys
from pathlib import Path
import numpy as np
from mvssl.loading.features import MAX_OPEN
from mvssl.loading.cache import read_passes
from mvssl.loading.kept_open import KeptOpen

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
kept = KeptOpen(read_passes, max_open=MAX_OPEN)
for number in range(300):
    path = Path(sys.argv[1]) / f"{number}.npy"
    np.save(path, np.full((1, 2, 3), number, np.float16))
    np.savez(path.with_suffix(".npz"), mean=np.zeros(3), time_s=np.arange(2.0), box=np.zeros((1, 4)), params=np.zeros((1, 2)))
    assert (kept.get(path).features == number).all()
assert (kept.get(Path(sys.argv[1]) / "0.npy").features == 0).all()
"""
    made = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
