"""From video files to batches: the right frames, the same batch every time, and what happens when something breaks."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mvssl.errors import InputError, VideoError
from mvssl.loading import ClipDataset, Loader
from mvssl.sampling import BatchPlan, CarlSampler, SyncedSampler, TccSampler, Ticket, UniformSampler, sessions
from mvssl.types import ClipRequest, Video
from mvssl.video import open_video, scan, write_video
from mvssl.video.bad_files import BadFiles
from mvssl.video.pyav import PyAVReader
from mvssl.views import PARAMETERS, Augment, EvaluationViews, to_input
from mvssl.views.modalities.array import ArrayModality
from mvssl.views.modalities.chroma import ChromaModality
from mvssl.views.modalities.difference import DifferenceModality
from mvssl.views.modalities.flow import FlowModality
from mvssl.views.modalities.luminance import LuminanceModality
from mvssl.views.modalities.motion import MotionModality
from mvssl.views.modalities.rgb import RgbModality
from mvssl.views.modalities.sound import SoundModality
from mvssl.views.store_flow import store_flow

WIDTH, HEIGHT, FPS, NUM = 96, 64, 20.0, 40
FIRST, STEP = 40, 5  # gray levels


def gray_frames():
    """Frame i is gray of level 40 + 5 i: its number can be read from any crop of it."""
    return (np.full((HEIGHT, WIDTH, 3), FIRST + STEP * i, np.uint8) for i in range(NUM))


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Video]:
    folder = tmp_path_factory.mktemp("videos")
    tone = np.sin(2 * np.pi * 1000 * np.arange(int(48000 * NUM / FPS)) / 48000).astype(np.float32)[None]
    rows = []
    for i in range(4):
        path = folder / f"v{i}.mp4"
        write_video(path, gray_frames(), fps=FPS, audio=tone if i == 0 else None, crf=1)
        about = {"session": f"s{i // 2}", "camera": f"c{i % 2}", "label": "ab"[i // 2]}
        with open_video(Video(path.name, str(path), **about)) as decoder:
            rows.append(decoder.video)
    return rows


def level_of(time_s: torch.Tensor) -> torch.Tensor:
    return FIRST + STEP * torch.round(time_s * FPS)


def loader_of(
    videos, *, by="video", batch_size=2, transform=None, sampler=None, modalities=None, policy="error", **more
):
    samples = sessions(videos, by=by)
    dataset = ClipDataset(
        samples,
        sampler=sampler or CarlSampler(num_frames=6),
        transform=transform or EvaluationViews(size=16),
        modalities=modalities,
        policy=policy,
    )
    return Loader(dataset, BatchPlan(samples, batch_size=batch_size, seed=7), **more)


def batches(videos, **settings):
    loader = loader_of(videos, **settings)
    found = list(loader)
    loader.dataset.close()
    return found


def assert_same(found, expected):
    assert len(found) == len(expected)
    for (step, batch), (other_step, other) in zip(found, expected):
        assert step == other_step
        assert list(batch.views) == list(other.views)
        for name in batch.views:
            for part, other_part in zip(batch.views[name], other.views[name]):
                assert torch.equal(part, other_part)
        for part, other_part in zip(batch[1:], other[1:]):
            assert torch.equal(part, other_part)


def test_the_frames_are_those_of_their_times(videos):
    for _, batch in batches(videos, end_step=3):
        for view in batch.views.values():
            assert view.pixels.shape == (2, 6, 1, 3, 16, 16)
            assert view.pixels.dtype == torch.uint8
            assert view.time_s.dtype == torch.float64
            assert view.mask.all()
            assert view.present.all()
            level = view.pixels.float().mean((2, 3, 4, 5))
            torch.testing.assert_close(level, level_of(view.time_s).float(), atol=2.4, rtol=0)


def test_rows_labels_and_parameters(videos):
    (_, batch), *_ = batches(videos, end_step=1, transform=Augment(size=16))
    for row in range(2):
        video = videos[int(batch.video_id[row, 0])]
        assert int(batch.index[row]) == int(batch.video_id[row, 0]) == int(batch.video_id[row, 1])
        assert "ab"[int(batch.label[row])] == video.label
    for view in batch.views.values():
        assert view.params.shape == (2, len(PARAMETERS))
        step_s = (view.time_s[:, -1] - view.time_s[:, 0]) / 5
        torch.testing.assert_close(view.params[:, PARAMETERS.index("step_s")], step_s.float())
        assert ((view.box[:, 2:] - view.box[:, :2]) > 0).all()
    assert not torch.equal(batch.views["a"].params, batch.views["b"].params)
    assert not torch.equal(batch.views["a"].box, batch.views["b"].box)


def test_padding_is_masked(videos):
    (_, batch), *_ = batches(videos, end_step=1, sampler=CarlSampler(num_frames=NUM + 5))
    for view in batch.views.values():
        assert view.mask.sum(1).tolist() == [NUM, NUM]
        assert (view.time_s[:, NUM:] == view.time_s[:, NUM - 1 : NUM]).all()


@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_change_nothing(videos, num_workers):
    expected = batches(videos, end_step=4, transform=Augment(size=16))
    assert_same(batches(videos, end_step=4, transform=Augment(size=16), num_workers=num_workers), expected)


def test_resume_goes_on_where_it_stopped(videos):
    whole = batches(videos, end_step=5, transform=Augment(size=16))
    assert_same(batches(videos, start_step=3, end_step=5, transform=Augment(size=16)), whole[3:])


def test_two_processes_see_the_halves_of_the_global_batch(videos):
    whole = batches(videos, end_step=2, batch_size=4)
    for rank in range(2):
        part = batches(videos, end_step=2, batch_size=4, rank=rank, world_size=2)
        rows = slice(2 * rank, 2 * rank + 2)
        for (_, batch), (_, half) in zip(whole, part):
            assert torch.equal(batch.views["a"].pixels[rows], half.views["a"].pixels)
            assert torch.equal(batch.index[rows], half.index)


def test_modalities_of_one_view_share_times_draws_and_pixels(videos):
    modalities = {
        "light": LuminanceModality(),
        "colour": ChromaModality(),
        "flow": FlowModality(delta_s=0.1),
        "change": DifferenceModality(delta_s=0.1),
    }
    loader = loader_of(
        videos, sampler=UniformSampler(num_frames=5), modalities=modalities, transform=Augment(size=16), end_step=1
    )
    (_, batch), *_ = loader
    views = batch.views
    assert list(views) == list(modalities)
    assert views["light"].pixels is views["colour"].pixels
    for view in views.values():
        assert torch.equal(view.time_s, views["light"].time_s)
        assert torch.equal(view.params, views["light"].params)
        assert view.time_s.max() < NUM / FPS - 0.1  # room for the later frame
    assert views["flow"].pixels.shape == (2, 5, 1, 2, 16, 16)
    assert views["change"].pixels.shape == (2, 5, 2, 3, 16, 16)
    for name, modality in modalities.items():
        pixels = to_input(views[name], modality).pixels
        assert pixels.shape[2:4] == (1, modality.channels)
        assert pixels.dtype == torch.float32
        assert 0 <= pixels.min() <= pixels.max() <= 1
    loader.dataset.close()


def test_the_difference_of_a_brightening_video_is_its_slope(videos):
    (_, batch), *_ = batches(
        videos, sampler=UniformSampler(num_frames=5), modalities={"change": DifferenceModality(delta_s=0.1)}, end_step=1
    )
    change = to_input(batch.views["change"], "difference").pixels
    torch.testing.assert_close(change, torch.full_like(change, 0.5 + 2 * STEP / 255 / 2), atol=3 / 255, rtol=0)


def test_context_frames_come_as_neighbours(videos):
    (_, batch), *_ = batches(videos, sampler=TccSampler(num_frames=5, context_s=(-0.2, 0.0)), end_step=1)
    view = batch.views["a"]
    assert view.pixels.shape[:3] == (2, 5, 2)
    level = view.pixels.float().mean((3, 4, 5))
    torch.testing.assert_close(level[..., 1], level_of(view.time_s).float(), atol=2.4, rtol=0)
    before = (view.time_s - 0.2).clamp(min=0.0)  # before the start the first frame stands in
    torch.testing.assert_close(level[..., 0], level_of(before).float(), atol=2.4, rtol=0)


def test_a_missing_camera_is_absent_not_invented(videos):
    alone = [*videos[:3], videos[3]._replace(session="s9")]
    sampler = SyncedSampler(num_frames=4, cameras=("c0", "c1"))
    loader = loader_of(alone, by="session", sampler=sampler, batch_size=3, end_step=1)
    (_, batch), *_ = loader
    order = batch.index.tolist()
    for row, sample in enumerate(order):
        expected = [[0, 1], [2, -1], [-1, 3]][sample]
        assert batch.video_id[row].tolist() == expected
        for view, known in zip(batch.views.values(), expected):
            assert bool(view.present[row]) == (known >= 0)
            if known < 0:
                assert not view.mask[row].any()
                assert not view.pixels[row].any()
    both = order.index(0)
    assert torch.equal(batch.views["c0"].time_s[both], batch.views["c1"].time_s[both])
    loader.dataset.close()


def test_sound_is_heard_where_there_is_some(videos):
    sound = SoundModality(num_mels=32, num_parts=2, context_s=0.2)
    (_, batch), *_ = batches(
        videos, sampler=UniformSampler(num_frames=5), modalities={"a": SoundModality(num_mels=32, num_parts=2, context_s=0.2)},
        batch_size=4, end_step=1,
    )  # fmt: skip
    view = batch.views["a"]
    assert view.pixels.shape == (4, 5, 1, 1, 32, 2)
    for row, sample in enumerate(batch.index.tolist()):
        assert bool(view.present[row]) == (sample == 0)
    heard = to_input(view, sound).pixels[batch.index.tolist().index(0)]
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 34) / 2595) - 1)
    assert heard.shape == (5, 1, 1, 32, 2)
    assert (31 - heard[:, 0, 0, :, 0].argmax(1) == int(np.argmin(np.abs(edges[1:-1] - 1000)))).all()


def test_sound_and_pictures_of_a_view_are_of_the_same_instants(videos):
    """Of the frames shown, not of the instants asked for, which lie up to a frame later."""
    modalities = {"a": RgbModality(), "a_sound": SoundModality(), "a_flow": FlowModality()}
    (_, batch), *_ = batches(
        [videos[0]], modalities=modalities, sampler=CarlSampler(num_frames=6), batch_size=1, end_step=1
    )
    assert batch.views["a_sound"].present.all()
    for name in ("a_sound", "a_flow"):
        assert torch.equal(batch.views[name].time_s, batch.views["a"].time_s)
    step = batch.views["a"].time_s * FPS
    torch.testing.assert_close(step, step.round(), atol=1e-3, rtol=0)


@pytest.fixture
def broken(videos, tmp_path) -> list[Video]:
    path = tmp_path / "broken.mp4"
    path.write_bytes(Path(videos[3].path).read_bytes()[:300])
    return [*videos[:3], videos[3]._replace(path=str(path))]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_broken_video_stops_the_run_with_its_name(broken, num_workers):
    with pytest.raises(VideoError) as error:
        batches(broken, end_step=2, num_workers=num_workers)
    assert error.value.path == broken[3].path


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_broken_video_passed_over_is_absent_and_counted(broken, num_workers):
    loader = loader_of(broken, policy="skip", batch_size=4, end_step=3, num_workers=num_workers)
    for _, batch in loader:
        row = batch.index.tolist().index(3)
        for view in batch.views.values():
            assert view.present.tolist() == [i != row for i in range(4)]
            assert not view.pixels[row].any()
        assert batch.video_id[row].tolist() == [-1, -1]
        assert sorted(batch.index.tolist()) == [0, 1, 2, 3]  # nobody took its place
    assert list(loader.dataset.bad_files.errors) == [broken[3].path]
    loader.dataset.close()


def test_too_many_broken_videos_stop_the_run(broken):
    with pytest.raises(InputError, match="more than the limit of 0"):
        batches(broken, end_step=2, policy=BadFiles("skip", limit=0))


def test_workers_start_after_opencv_used_its_threads(videos):
    """A forked worker has none of its parent's threads; OpenCV in it must not wait for them."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    picture = np.random.default_rng(0).integers(0, 255, (256, 256), dtype=np.uint8)
    for _ in range(3):
        cv2.DISOpticalFlow_create().calc(picture, picture, None)
    modalities = {"a": FlowModality(delta_s=0.1)}
    found = batches(videos, sampler=UniformSampler(num_frames=3), modalities=modalities, num_workers=1, end_step=1)
    cv2.setNumThreads(threads)
    assert found[0][1].views["a"].pixels.shape == (2, 3, 1, 2, 16, 16)


KILLED_WORKER = """
import multiprocessing, os, signal, sys
from mvssl.loading import ClipDataset, Loader
from mvssl.sampling import BatchPlan, UniformSampler, sessions
from mvssl.video import read_videos
from mvssl.views import EvaluationViews

samples = sessions(read_videos(sys.argv[1]))
dataset = ClipDataset(samples, sampler=UniformSampler(num_frames=4), transform=EvaluationViews(size=16))
loader = Loader(dataset, BatchPlan(samples, batch_size=2), num_workers=1, end_step=500)
iterator = iter(loader)
next(iterator)
os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
for _ in iterator:
    pass
"""


def test_a_killed_worker_is_an_error_not_a_hang(videos):
    """In a process of its own: torch raises from a signal handler, wherever the main thread then is."""
    command = [sys.executable, "-c", KILLED_WORKER, str(Path(videos[0].path).parent)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert found.returncode != 0
    assert re.search(r"DataLoader worker .*(exited unexpectedly|killed by signal)", found.stderr), found.stderr[-2000:]


def test_decoders_are_closed_and_bounded(videos):
    samples = sessions(videos, by="video")
    dataset = ClipDataset(samples, sampler=UniformSampler(num_frames=2), transform=EvaluationViews(size=8), max_open=2)
    before = len(os.listdir("/proc/self/fd"))
    for sample in [0, 1, 2, 3, 0, 1]:
        dataset[Ticket(sample, (0, 0, 0))]
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    dataset.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_that_cannot_be_placed_are_refused(videos):
    samples = sessions(videos, by="video")
    with pytest.raises(InputError, match="'light' is none of the sampler's"):
        ClipDataset(
            samples, sampler=CarlSampler(), transform=EvaluationViews(), modalities={"light": LuminanceModality()}
        )
    with pytest.raises(InputError, match="occurs more than once"):
        ClipDataset([*samples, samples[0]], sampler=CarlSampler(), transform=EvaluationViews())


def test_a_video_shorter_than_the_reach_is_named(videos):
    with pytest.raises(InputError, match=r"v\d.mp4.*after each frame"):
        batches(videos, sampler=UniformSampler(num_frames=2), modalities={"a": FlowModality(delta_s=3.0)}, end_step=1)


def test_two_readings_of_a_ticket_are_equal(videos):
    samples = sessions(videos, by="video")
    dataset = ClipDataset(samples, sampler=CarlSampler(num_frames=5), transform=Augment(size=16))
    first, again = dataset[Ticket(1, (0, 5, 2))], dataset[Ticket(1, (0, 5, 2))]
    other = dataset[Ticket(1, (0, 5, 3))]
    for name in ("a", "b"):
        np.testing.assert_array_equal(first.views[name].pixels, again.views[name].pixels)
        assert not np.array_equal(first.views[name].params, other.views[name].params)
    dataset.close()


def test_loader_has_no_end_unless_told(videos):
    loader = loader_of(videos)
    assert isinstance(loader, Loader)
    steps = [step for step, _ in zip(range(9), (step for step, _ in loader))]
    assert steps == list(range(9))
    loader.dataset.close()


def test_stored_flow_is_the_flow_computed_on_the_fly(tmp_path):
    """A texture that moves 4 pixels right a frame, with the same crop and flip either way."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH + 100, 3)), (0, 0), 2)
    texture = np.clip(128 + 60 * texture / texture.std(), 0, 255).astype(np.uint8)
    path = tmp_path / "pan.mp4"
    write_video(path, (texture[:, 100 - 4 * i : 100 - 4 * i + WIDTH] for i in range(25)), fps=FPS, crf=8)
    with open_video(Video("pan", str(path))) as decoder:
        assert store_flow(decoder, size=96, flow=FlowModality(delta_s=0.05)) == tmp_path / "pan.flow.npz"
        video = decoder.video
    modalities = {"now": FlowModality(delta_s=0.05), "stored": ArrayModality(file="flow", kind="vectors")}
    transform = Augment(size=64, crop_scale=(0.6, 0.8))
    found = batches(
        [video],
        sampler=UniformSampler(num_frames=6),
        modalities=modalities,
        transform=transform,
        batch_size=1,
        end_step=4,
    )
    flips = set()
    for _, batch in found:
        now, stored = (to_input(batch.views[name], modalities[name]).pixels for name in modalities)
        view = batch.views["now"]
        flip = bool(view.params[0, PARAMETERS.index("flip")])
        flips.add(flip)
        box = view.box[0]
        speed = (-1 if flip else 1) * 4 * FPS / WIDTH / float(box[2] - box[0])  # sides of the view per second
        for pixels in (now, stored):
            middle = pixels[0, :, 0, :, 16:-16, 16:-16].median(-1).values.median(-1).values
            torch.testing.assert_close(middle[:, 0], torch.full((6,), 0.5 + speed / 4), atol=0.05, rtol=0)
            torch.testing.assert_close(middle[:, 1], torch.full((6,), 0.5), atol=0.02, rtol=0)
    assert flips == {True, False}


@pytest.mark.real_data
def test_real_takes_from_two_cameras(data_root):
    """Falls: sessions with both cameras give the same instants of both, activities have no second camera."""
    with open(data_root / "falls" / "videos.csv", newline="") as file:
        rows = list(csv.DictReader(file))[:24]
    videos = [
        Video(row["video"], str(data_root / "falls" / row["video"]), session=row["session"], camera=row["camera"])
        for row in rows
    ]
    samples = sessions(scan(videos).videos)
    cameras = ("cam0", "cam1")
    dataset = ClipDataset(
        samples, sampler=SyncedSampler(num_frames=6, cameras=cameras, clip_s=1.0), transform=Augment(size=32)
    )
    loader = Loader(dataset, BatchPlan(samples, batch_size=len(samples)), end_step=1)
    ((_, batch),) = list(loader)
    dataset.close()
    num_cameras = [len(samples[i]) for i in batch.index.tolist()]
    assert 2 in num_cameras
    for row, num in enumerate(num_cameras):
        known = [bool(batch.views[camera].present[row]) for camera in cameras]
        assert sum(known) == num
        if num == 2:
            torch.testing.assert_close(
                batch.views["cam0"].time_s[row], batch.views["cam1"].time_s[row], atol=1 / 30, rtol=0
            )
            assert not torch.equal(batch.views["cam0"].pixels[row], batch.views["cam1"].pixels[row])


def test_everything_of_a_sample_is_decoded_in_one_pass(videos, monkeypatch):
    """Two crops, flow's neighbours and motion vectors: one pass over each video of the sample, no frame twice."""
    passes: list[list[int]] = []
    opened: list[str] = []
    decode, begin = PyAVReader.decode, PyAVReader.__init__

    def counted(self, wanted):
        passes.append(list(wanted))
        return decode(self, wanted)

    def noted(self, index, **options):
        opened.append(index.path)
        return begin(self, index, **options)

    monkeypatch.setattr(PyAVReader, "decode", counted)
    monkeypatch.setattr(PyAVReader, "__init__", noted)
    dataset = ClipDataset(
        sessions(videos, by="video"), sampler=CarlSampler(num_frames=6), transform=Augment(size=16),
        modalities={
            "a": RgbModality(), "a_motion": MotionModality(), "a_flow": FlowModality(), "b": RgbModality(),
            "b_motion": MotionModality(),
        },
    )  # fmt: skip
    for step in range(3):
        sample = dataset[Ticket(0, step)]
        assert len(passes) == step + 1
        assert passes[-1] == sorted(set(passes[-1]))
        frames = {round(t * FPS) for view in sample.views.values() for t in np.asarray(view.time_s)}
        assert frames <= set(passes[-1])
    dataset.close()
    assert len(opened) == 2  # the file's reader, and the one that exports motion vectors; kept open


def test_pictures_are_the_same_with_and_without_motion(videos):
    request = ClipRequest(videos[1].id, np.array([0.3, 1.1]), size=(16, 16), crop=(0.25, 0.0, 0.75, 1.0))
    with open_video(videos[1]) as decoder:
        alone = decoder.read([request, request._replace(planes=("motion",))])
        both = decoder.read([request._replace(planes=("rgb", "motion"))])[0]
    with open_video(videos[1]) as decoder:
        plain = decoder.read([request])[0]
    np.testing.assert_array_equal(alone[0].frames, plain.frames)
    np.testing.assert_array_equal(both.frames, plain.frames)
    np.testing.assert_array_equal(both.motion, alone[1].motion)
    assert plain.motion is None
