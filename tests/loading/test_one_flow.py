"""With and without a cache, a batch is the same in everything but its pixels."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mvssl import config
from mvssl.errors import InputError, VideoError
from mvssl.labels import Segment
from mvssl.loading import ClipDataset, FeatureCache, Loader
from mvssl.loading.collate import collate
from mvssl.loading.plan import KeptDraws
from mvssl.sampling import sessions
from mvssl.training import Experiment
from mvssl.training.experiment import build_plan
from mvssl.training.frame_labels import LabelLookup
from mvssl.types import Video
from mvssl.video import open_video, write_video
from mvssl.video.bad_files import BadFiles
from mvssl.views import PARAMETERS, to_input
from mvssl.views.recipe import Recipe

PASSES, SEED, SIZE, NUM, FPS = 3, 5, 16, 24, 12
SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "pretrain").glob("*.yaml"))


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> list[Video]:
    """Four sessions of two actions; three of two cameras, whose rows stand in no order, on clocks of their own."""
    folder, rng = tmp_path_factory.mktemp("cameras"), np.random.default_rng(0)
    rows = []
    for session, camera in ((0, 1), (1, 0), (0, 0), (2, 1), (3, 0), (1, 1), (2, 0)):
        path = folder / f"s{session}c{camera}.mp4"
        frames = np.kron(rng.integers(0, 255, (NUM, 4, 6, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
        write_video(path, frames, fps=FPS)
        about = {"session": f"s{session}", "camera": f"c{camera}", "label": "ba"[session % 2]}
        with open_video(Video(path.name, str(path), offset_s=0.1 * camera, **about)) as decoder:
            rows.append(decoder.video)
    return rows


def experiment_of(name: str, *changes: str, **parts) -> Experiment:
    """A shipped configuration with pictures, batches and encoder of a size for tests."""
    small = [f"views.size={SIZE}", f"embed.size={SIZE}", "embed.fps=null", "data.root=none", "batch.size=4"]
    values = config.load(config.find(name, "pretrain"), [*small, *changes])
    if values["batch"].get("group_by", "none") != "none":
        values["batch"]["num_per_group"] = 2
    return Experiment.from_values({**values, **parts}, name)


def encoder_of(channels: int):
    torch.manual_seed(0)
    return config.build(
        "mvssl.encoders", {"name": "image", "backbone": "test_resnet", "weights": "none", "in_channels": channels}, ""
    ).eval()


def caches_of(experiment: Experiment, transform, folder: Path) -> dict[str, FeatureCache]:
    return {
        view: FeatureCache(
            folder, encoder_of(plan.modality.channels), transform, passes=PASSES, seed=SEED,
            recipe=experiment.embed.showing(plan.spec), modality=plan.modality, about=experiment.views,
        )
        for view, plan in experiment.plans().items()
    }  # fmt: skip


def dataset_of(experiment: Experiment, index: list[Video], **settings) -> ClipDataset:
    plans = experiment.plans()
    sampler = config.build("mvssl.sampling", experiment.sampler, "sampler")
    return ClipDataset(
        sessions(index, by=experiment.data.sample), sampler=sampler, videos=index,
        transform=config.build("mvssl.views", experiment.views, "views"),
        modalities={view: plan.modality for view, plan in plans.items()},
        of={view: plan.of for view, plan in plans.items()}, **settings,
    )  # fmt: skip


def batches_of(dataset: ClipDataset, experiment: Experiment, steps: int, **settings):
    found = list(Loader(dataset, build_plan(experiment, dataset.sessions), end_step=steps, **settings))
    dataset.close()
    return found


def rows_of(view):
    """What a view says of itself."""
    return {name: part for name, part in view._asdict().items() if name != "pixels"}


def assert_equal_but_pixels(batch, other, without: frozenset[str] = frozenset()):
    assert list(batch.views) == list(other.views)
    for name, part, other_part in zip(batch._fields[1:], batch[1:], other[1:]):
        assert part.dtype == other_part.dtype
        assert torch.equal(part, other_part), name
    for view in batch.views:
        for name, part in rows_of(batch.views[view]).items():
            other_part = getattr(other.views[view], name)
            assert part.dtype == other_part.dtype
            assert name in without or torch.equal(part, other_part), f"{view}: {name}"


def cacheable(name: str) -> bool:
    return all(plan.modality.decodes for plan in experiment_of(name, "cache.passes=0").plans().values())


def flows() -> dict[tuple, str]:
    """One shipped configuration for each way of sampling, looking and pairing."""
    found: dict[tuple, str] = {}
    for name in filter(cacheable, SHIPPED):
        made = experiment_of(name, "cache.passes=0")
        key = (str(made.sampler), made.data.sample, made.views["name"], str(made.modalities), made.batch.group_by)
        found.setdefault(key, name)
    return found


@pytest.mark.parametrize("name", sorted(flows().values()))
def test_every_field_of_a_batch_is_the_same_but_pixels(name, index, tmp_path):
    experiment = experiment_of(name, "cache.passes=0")
    transform = config.build("mvssl.views", experiment.views, "views")
    caches = caches_of(experiment, transform, tmp_path)
    for cache in caches.values():
        cache.fill(index, progress=False)
    kept = dataset_of(experiment, index, caches=caches)
    decoded = dataset_of(experiment, index, draws=KeptDraws(transform, passes=PASSES, seed=SEED))
    fresh = dataset_of(experiment, index)
    steps = 2 * build_plan(experiment, kept.sessions).steps_per_epoch
    labels = LabelLookup({v.id: [Segment(0.0, 0.9, "x"), Segment(0.9, 1.5, "y")] for v in index[::2]}, index)
    for (_, batch), (_, other), (_, anew) in zip(
        batches_of(kept, experiment, steps),
        batches_of(decoded, experiment, steps),
        batches_of(fresh, experiment, steps),
    ):
        assert_equal_but_pixels(batch, other)
        assert_equal_but_pixels(batch, anew, without=frozenset({"box", "params"}))  # these are drawn for each sample
        for place, (view, found) in enumerate(batch.views.items()):
            assert found.present.all()
            step_s = PARAMETERS.index("step_s")
            assert torch.equal(found.params[:, step_s], anew.views[view].params[:, step_s])
            rows = batch.video_id[:, place]
            for row, session in zip(rows.tolist(), batch.index.tolist()):
                assert index[row] in kept.sessions[session]
            assert torch.equal(labels(rows, found.time_s), labels(other.video_id[:, place], other.views[view].time_s))
            assert_shows_the_same(found, other.views[view], caches[view])


def assert_shows_the_same(kept, decoded, cache):
    """Features are those of the decoded pictures; contrast is left aside, whose middle is the mean of the frames decoded
    together, and so are context frames, which no cache keeps."""
    plain = decoded.params[:, PARAMETERS.index("contrast")] == 1
    pixels = to_input(decoded, cache.modality, cache.transform).pixels[plain]
    if len(pixels) and pixels.shape[2] == 1:
        features = cache.encoder.backbone_features(pixels)
        torch.testing.assert_close(kept.pixels[plain], features, atol=1e-3 * float(features.max()), rtol=1e-3)


def cameras(index: list[Video], **settings):
    """Dataset and experiment of two named cameras; the last session lacks one of them."""
    experiment = experiment_of(
        "carl_cameras", "cache.passes=0", sampler={"name": "synced", "cameras": ["c0", "c1"], "num_frames": 5}
    )
    return dataset_of(experiment, index, **settings), experiment


@pytest.fixture(scope="module")
def filled(index, tmp_path_factory) -> dict[str, FeatureCache]:
    _, experiment = cameras(index)
    caches = caches_of(
        experiment, config.build("mvssl.views", experiment.views, "views"), tmp_path_factory.mktemp("cache")
    )
    for cache in caches.values():
        cache.fill(index, progress=False)
    return caches


def test_a_camera_that_a_session_lacks_is_absent_with_a_cache_too(index, filled):
    kept, experiment = cameras(index, caches=filled)
    decoded, _ = cameras(index, draws=filled["c0"].draws)
    for (_, batch), (_, other) in zip(batches_of(kept, experiment, 4), batches_of(decoded, experiment, 4)):
        assert_equal_but_pixels(batch, other)
        lacks = [len(kept.sessions[i]) == 1 for i in batch.index.tolist()]
        assert lacks.count(True) == 1
        present = batch.views["c1"].present.tolist()
        assert present == [not lack for lack in lacks]
        assert batch.views["c0"].present.all()
        assert batch.video_id[lacks.index(True)].tolist() == [4, -1]
        assert not batch.views["c1"].pixels[lacks.index(True)].any()
        assert batch.views["c1"].pixels.shape == batch.views["c0"].pixels.shape


@pytest.mark.parametrize("settings", [{"num_workers": 1}, {"num_workers": 2}, {"start_step": 3}])
def test_workers_and_resuming_change_nothing_with_a_cache(index, filled, settings):
    kept, experiment = cameras(index, caches=filled)
    whole = batches_of(kept, experiment, 6)
    found = batches_of(kept, experiment, 6, **settings)
    assert [step for step, _ in found] == list(range(settings.get("start_step", 0), 6))
    for (_, batch), (_, other) in zip(found, whole[-len(found) :]):
        assert_equal_but_pixels(batch, other)
        for view in batch.views:
            assert torch.equal(batch.views[view].pixels, other.views[view].pixels)


def test_processes_share_the_batches_of_a_cache(index, filled):
    kept, experiment = cameras(index, caches=filled)
    whole = batches_of(kept, experiment, 2)
    for rank in range(2):
        for (_, batch), (_, part) in zip(whole, batches_of(kept, experiment, 2, rank=rank, world_size=2)):
            rows = slice(2 * rank, 2 * rank + 2)
            assert torch.equal(batch.index[rows], part.index)
            for view in batch.views:
                assert torch.equal(batch.views[view].pixels[rows], part.views[view].pixels)


def test_a_worker_that_is_no_copy_of_its_parent_opens_files_of_its_own(index, filled):
    """Where workers are not forked, the dataset is sent to them: names of files, not what was read of them."""
    kept, experiment = cameras(index, caches=filled)
    tickets = build_plan(experiment, kept.sessions).batch(0)
    expected, _ = collate([kept[ticket] for ticket in tickets])
    sent = pickle.dumps(kept)
    read = [filled["c0"].find(video) for video in index]
    assert len(sent) < sum(path.stat().st_size for path in read)
    there = pickle.loads(sent)
    batch, problems = collate([there[ticket] for ticket in tickets])
    assert problems == []
    assert_equal_but_pixels(batch, expected)
    assert torch.equal(batch.views["c0"].pixels, expected.views["c0"].pixels)


@pytest.fixture
def harmed(index, tmp_path) -> list[Video]:
    """The index, its third video cut off and its fifth gone since it was scanned."""
    cut, gone = tmp_path / "cut.mp4", tmp_path / "gone.mp4"
    cut.write_bytes(Path(index[2].path).read_bytes()[:300])
    changed = {2: index[2]._replace(path=str(cut)), 4: index[4]._replace(path=str(gone))}
    return [changed.get(row, video) for row, video in enumerate(index)]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_files_that_cannot_be_read_are_counted_and_their_samples_absent(harmed, filled, tmp_path, num_workers):
    experiment = experiment_of("carl_cameras", "cache.passes=0", "data.sample=video", "batch.size=7")
    transform = config.build("mvssl.views", experiment.views, "views")
    bad_files = BadFiles("skip")
    caches = caches_of(experiment, transform, tmp_path / "cache")
    for cache in caches.values():
        cache.fill(harmed, bad_files=bad_files, progress=False)
    assert sorted(bad_files.errors) == sorted([harmed[2].path, harmed[4].path])
    kept = dataset_of(experiment, harmed, caches=caches, policy=bad_files)
    decoded = dataset_of(experiment, harmed, draws=caches["a"].draws, policy="skip")
    for (_, batch), (_, other) in zip(
        batches_of(kept, experiment, 3, num_workers=num_workers), batches_of(decoded, experiment, 3)
    ):
        assert_equal_but_pixels(batch, other)
        for view in batch.views.values():
            assert view.present.tolist() == [i not in (2, 4) for i in batch.index.tolist()]
    assert kept.bad_files.summary() == decoded.bad_files.summary()
    assert kept.bad_files.errors.keys() == decoded.bad_files.errors.keys()


def test_a_cache_stops_at_a_file_that_cannot_be_read(harmed, tmp_path):
    _, experiment = cameras(harmed)
    transform = config.build("mvssl.views", experiment.views, "views")
    cache = caches_of(experiment, transform, tmp_path / "cache")["c0"]
    for settings in ({}, {"bad_files": BadFiles("error")}):
        with pytest.raises(VideoError) as error:
            cache.fill(harmed, progress=False, **settings)
        assert error.value.path == harmed[2].path
    with pytest.raises(InputError, match="more than the limit of 0"):
        cache.fill(harmed, progress=False, bad_files=BadFiles("skip", limit=0))


def test_the_rows_of_a_batch_are_those_of_the_index(index):
    """Whatever the order in which the cameras of a session stand there."""
    decoded, experiment = cameras(index)
    for _, batch in batches_of(decoded, experiment, 2):
        for row, session in zip(batch.video_id.tolist(), batch.index.tolist()):
            for place, camera in zip(row, ("c0", "c1")):
                known = [v for v in decoded.sessions[session] if v.camera == camera]
                assert [index[place]] == known if place >= 0 else not known


def test_a_cache_of_other_draws_is_made_again(index, tmp_path, capsys):
    _, experiment = cameras(index)
    transform = config.build("mvssl.views", experiment.views, "views")
    make = {
        "passes": 2,
        "seed": 0,
        "recipe": Recipe(size=SIZE),
        "modality": experiment.plans()["c0"].modality,
        "about": {},
    }
    first = FeatureCache(tmp_path, encoder_of(3), transform, **make)
    first.fill(index[:2], progress=False)
    path = first.find(index[0])
    before, beside = path.read_bytes(), dict(np.load(path.with_suffix(".npz")))
    np.savez(path.with_suffix(".npz"), **{**beside, "box": beside["box"] / 2})
    path.write_bytes(before[:-2] + b"\0\0")
    capsys.readouterr()
    again = FeatureCache(tmp_path, encoder_of(3), transform, **make)
    again.fill(index[:2], progress=False)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert f"{path}: the features of {index[0].id} are of other draws" in said
    assert path.read_bytes() == before
    again.fill(index[:2], progress=False)
    assert capsys.readouterr().out == ""
