"""Several modalities of the same instants, each with the encoder that the configuration gives it, from YAML to embedding."""

import json

import numpy as np
import pytest
import torch

from mvssl import config
from mvssl.api import embed
from mvssl.embedding import Recipe, load
from mvssl.embedding.pictures import pictures
from mvssl.errors import ConfigError, InputError
from mvssl.training import Experiment, pretrain
from mvssl.training.experiment import build_module
from mvssl.types import Video
from mvssl.video import open_video, write_video

SMALL = [
    "encoder.backbone=test_resnet", "encoder.weights=none", "encoder.mlp=[16]", "encoder.dim=32", "encoder.num_heads=4",
    "encoder.hidden=32", "encoder.num_layers=1", "sampler.num_frames=6", "views.size=32", "embed.size=32", "embed.fps=null",
    "batch.size=2", "train.steps=3", "train.log_every=1", "train.num_workers=0",
]  # fmt: skip
CONFIGS = {
    "cmc": {"luminance": 1, "chroma": 2},
    "cmc_flow": {"rgb": 3, "flow": 2},
    "cmc_motion": {"rgb": 3, "motion": 2},
    "cmc_sound": {"rgb": 3, "sound": 1},
    "cmc_cameras": {"rgb": 3},
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Three sessions of two cameras: a square of noise that moves 20 pixels a second, with a rising tone."""
    root = tmp_path_factory.mktemp("takes")
    rng = np.random.default_rng(0)
    rows = ["video,split,session,camera"]
    seconds, rate = 2.0, 16000
    tone = np.sin(2 * np.pi * np.cumsum(np.linspace(200, 3000, int(seconds * rate))) / rate).astype(np.float32)[None]
    for session in range(3):
        for camera in range(2):
            frames = np.broadcast_to(rng.integers(0, 200, 3, dtype=np.uint8), (20, 64, 64, 3)).copy()
            cloth = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            for i, frame in enumerate(frames):
                frame[20 + 4 * camera : 36 + 4 * camera, 2 * i : 2 * i + 16] = cloth
            name = f"take{session}_cam{camera}.mp4"
            write_video(root / name, frames, fps=10, audio=tone, sample_rate=rate)
            rows.append(f"{name},train,take{session},cam{camera}")
    (root / "videos.csv").write_text("\n".join(rows) + "\n")
    return root


def values_of(name, sessions, *overrides):
    return config.load(config.find(name, "pretrain"), [*SMALL, f"data.root={sessions}", *overrides])


@pytest.fixture(scope="module")
def runs(sessions, tmp_path_factory):
    """Each shipped configuration trained for three steps, once."""
    made = {}

    def run_of(name):
        if name not in made:
            made[name] = pretrain(values_of(name, sessions), tmp_path_factory.mktemp(name) / "run", progress=False)
        return made[name]

    return run_of


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_configuration_trains_and_every_encoder_embeds(runs, sessions, name):
    run = runs(name)
    assert len(losses(run)) == 3
    assert np.isfinite(losses(run)).all()
    found = {}
    for modality, channels in CONFIGS[name].items():
        model = load(run, modality=modality)
        assert model.recipe.modality["name"] == modality
        assert model.specification["in_channels"] == channels
        time_s, found[modality] = model.embed(sessions / "take0_cam0.mp4")
        assert found[modality].shape == (20, 128)
        assert np.isfinite(found[modality]).all()
        assert np.ptp(found[modality], axis=0).max() > 1e-6  # three steps from random weights: little, but not nothing
        assert np.allclose(time_s, np.arange(20) / 10, atol=1e-3)
    assert len({values.tobytes() for values in found.values()}) == len(found)


def test_every_encoder_is_trained(sessions):
    experiment = Experiment.from_values(values_of("cmc_flow", sessions), "cmc_flow")
    videos = [Video(name, name, start_s=0.0, end_s=2.0) for name in "xy"]
    module = build_module(experiment, [(video,) for video in videos], videos)
    assert {name: encoder.backbone.mean.shape[1] for name, encoder in module.encoders.items()} == {"rgb": 3, "flow": 2}
    assert module.encoder_of("rgb") is not module.encoder_of("flow")


def test_without_a_choice_the_encoder_of_rgb_embeds(runs, sessions, tmp_path):
    assert load(runs("cmc_flow")).recipe.modality["name"] == "rgb"
    with pytest.raises(InputError, match=r"has no encoder of rgb; choose a modality: chroma, luminance"):
        load(runs("cmc"))
    with pytest.raises(InputError, match=r"has no encoder of depth; choose a modality: flow, rgb"):
        load(runs("cmc_flow"), modality="depth")
    with pytest.raises(InputError, match="its encoder is shown rgb, not flow"):
        load(runs("cmc_cameras"), modality="flow")
    frames = embed(runs("cmc_flow"), sessions, tmp_path / "frames", modality="flow", progress=False)
    assert frames.metadata["views"] == ["flow"]
    assert frames.metadata["pixels"]["modality"]["delta_s"] == 0.1
    np.testing.assert_allclose(
        frames["take0_cam0.mp4"].embedding, load(runs("cmc_flow"), modality="flow").embed(sessions / "take0_cam0.mp4")[1],
        atol=1e-5,
    )  # fmt: skip


def test_an_encoder_of_sound_says_which_video_has_none(runs, tmp_path):
    write_video(tmp_path / "mute.mp4", np.zeros((5, 64, 64, 3), np.uint8), fps=10)
    with pytest.raises(InputError, match=r"mute\.mp4: has no sound, which this encoder is shown"):
        load(runs("cmc_sound"), modality="sound").embed(tmp_path / "mute.mp4")


@pytest.mark.parametrize(("share", "names"), [("none", {"a", "b"}), ("modality", {"rgb"}), ("all", {"all"})])
def test_what_the_views_share(sessions, share, names):
    values = values_of("cmc_cameras", sessions, f"encoder.share={share}")
    experiment = Experiment.from_values(values, "it")
    videos = [Video(name, name, start_s=0.0, end_s=2.0) for name in "xy"]
    module = build_module(experiment, [(video,) for video in videos], videos)
    assert set(module.encoders) == names


def test_one_encoder_for_each_camera_is_chosen_by_its_view(sessions, tmp_path):
    values = values_of("cmc_cameras", sessions, "encoder.share=none")
    run = pretrain(values, tmp_path / "run", progress=False)
    first, second = (load(run, modality=view).encoder.state_dict() for view in "ab")
    assert any(not torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(InputError, match=r"choose a modality: a \(rgb\), b \(rgb\)"):
        load(run, modality="flow")


def test_views_in_full_are_written_out(sessions):
    given = {"b_flow": {"name": "flow", "of": "b"}, "change": {"name": "difference", "of": "b", "delta_s": 0.2}}
    values = {**values_of("cmc_cameras", sessions), "modalities": given, "cache": {}}
    values["encoder"]["share"] = "modality"
    found = Experiment.from_values(values, "it").modalities
    assert found == {
        "a": {"name": "rgb", "of": "a", "offsets_s": None},
        "b_flow": {"name": "flow", "of": "b", "delta_s": 0.1, "preset": "fast", "bound": 2.0},
        "change": {"name": "difference", "of": "b", "delta_s": 0.2},
    }
    again = Experiment.from_values(Experiment.from_values(values, "it").model_dump(mode="json"), "it")
    assert again.modalities == found


@pytest.mark.parametrize(
    ("modalities", "share", "message"),
    [
        ({"a": {"name": "flow", "preset": "fst"}}, "all", r"modalities\.a: preset: .*got 'fst'"),
        ({"a": "flwo"}, "all", r"modalities\.a: no 'flwo' in mvssl\.views\.modalities.*did you mean 'flow'"),
        ({"c": {"name": "rgb", "of": "z"}}, "all", r"view 'c' is made of 'z', which is none of the sampler's views \(a, b\)"),
        ({"flow": "flow"}, "all", r"view 'flow' is none of the sampler's \(a, b\); state it as of: VIEW"),
        ({"b": {"name": "flow", "of": "a"}}, "none", r"modalities\.b: is a view of the sampler's 'a', and none is made of"),
        ({"a": "luminance"}, "all", r"a \(luminance, 1 channels\) and b \(rgb, 3\) cannot share.*encoder\.share=modality"),
        ({"a": {"name": "array", "kind": "points"}}, "none", r"modalities\.a: array gives numbers, not pictures"),
        ({"a": "sound"}, "none", r"modalities\.a: sound is not made of frames, so its features cannot be cached"),
        ({}, "some", "encoder.share: must be all, modality or none, got 'some'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line(sessions, modalities, share, message):
    values = {**values_of("cmc_cameras", sessions), "modalities": modalities}
    values["encoder"]["share"] = share
    with pytest.raises(ConfigError, match=message) as caught:
        Experiment.from_values(values, "my.yaml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("my.yaml: ")


def test_cached_flow_trains_as_flow_from_pictures(sessions, tmp_path):
    plain = [
        "views.name=evaluation",
        "views.size=32",
        "encoder.freeze=all",
        "encoder.dropout=0",
        "optimiser.lr=0.00001",
    ]
    pictured = pretrain(values_of("cmc_flow", sessions, *plain), tmp_path / "pictures", progress=False)
    cached = pretrain(values_of("cmc_flow", sessions, *plain, "cache.passes=1"), tmp_path / "cached", progress=False)
    np.testing.assert_allclose(losses(cached), losses(pictured), rtol=2e-3)  # features are kept in half precision


@pytest.mark.parametrize("passes", [0, 2])
def test_colours_on_the_device_train_as_in_the_loader(sessions, tmp_path, passes):
    still = [
        "encoder.freeze=all",
        "encoder.dropout=0",
        "optimiser.lr=0.00001",
        "views.recipe=exact",
        f"cache.passes={passes}",
    ]
    found = [
        losses(pretrain(values_of("cmc_cameras", sessions, *still, f"views.device={device}"), tmp_path / device, progress=False))
        for device in ("loader", "model")
    ]  # fmt: skip
    np.testing.assert_allclose(*found, rtol=0.02)


def test_what_an_encoder_is_shown(sessions):
    with open_video(sessions / "take1_cam0.mp4") as decoder:
        times = decoder.times_s[[0, 7]]
        rgb = torch.from_numpy(decoder.frames_at(times, size=(32, 32))).float() / 255
        assert torch.equal(pictures(decoder, times, Recipe(size=32))[0, :, 0], rgb)
        light = pictures(decoder, times, Recipe(size=32, modality={"name": "luminance"}))
        assert light.shape == (1, 2, 1, 1, 32, 32)
        assert pictures(decoder, times, Recipe(size=32, modality={"name": "sound"})).shape == (1, 2, 1, 1, 64, 48)
        flow = pictures(decoder, times, Recipe(size=64, modality={"name": "flow"}))
        assert 0.55 < float(flow[0, 1, 0, 0].max()) < 0.6  # the square moves right, 20 pixels a second of 64
