"""An exported file gives what the model gives; what cannot be exported says why."""

import json
import warnings

import numpy as np
import pytest
import torch

from mvssl.api import export
from mvssl.embedding import Model
from mvssl.embedding import export as exporting
from mvssl.errors import InputError
from mvssl.video import write_video

TINY = {
    "name": "frame", "backbone": "test_resnet", "mlp": [16], "dim": 32, "num_heads": 4, "hidden": 32, "num_layers": 1,
}  # fmt: skip
DEFAULT = {
    "stage": 1,
    "pooling": "grid",
    "grid": 2,
    "centre": True,
    "position": "relative",
    "reach_s": 0.5,
}  # its shape
OTHERS = {
    "sinusoidal": {**TINY, "position": "sinusoidal", "code_length": 9},
    "none": {**TINY, "position": "none", "pooling": "attention", "num_queries": 2, "query_dim": 8, "grid": 2},
}
IMAGE = {"name": "image", "backbone": "test_resnet", "weights": "none"}
SHORT = (2, 5, 30)


def model_of(encoder, **recipe):
    torch.manual_seed(0)
    return Model(encoder=encoder, recipe={"size": 32, **recipe}, normalise=encoder["name"] == "frame").eval()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """24 frames of noise, 10 a second."""
    path = tmp_path_factory.mktemp("videos") / "noise.mp4"
    write_video(path, np.random.default_rng(0).integers(0, 255, (24, 32, 48, 3), dtype=np.uint8), fps=10)
    return path


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(exporting, "LENGTHS", SHORT)


def test_a_pt2_file_embeds_as_the_command_does(video, tmp_path):
    """The default recipe's shape: T = 2 to 300 in the comparison, and afterwards the whole video without mvssl."""
    model = model_of({**TINY, **DEFAULT})
    found = export(model, tmp_path / "out" / "m.pt2", format="torch", video=video)
    assert list(found.differences) == [2, 17, 80, 300]
    assert max(found.differences.values()) <= 1e-4
    expected = model.frames(video)
    pixels, time_s = exporting.frames_to_compare(video, model, 24)
    program = torch.export.load(found.path)
    assert not program.example_inputs[0][0].any()  # a shared file holds no frame of the video, and no path
    assert b"embedding/export.py" not in found.path.read_bytes()
    run = program.module()
    rows = run(pixels[None], time_s[None], torch.ones(1, 24, dtype=torch.bool))[0]
    np.testing.assert_allclose(rows.detach().numpy(), expected.embedding, atol=1e-5)
    about = json.loads(found.about.read_text())
    assert about["inputs"]["pixels"]["shape"] == [1, "T", 3, 32, 32]
    assert about["output"]["embedding"]["shape"] == [1, "T", 128]
    assert about["inside"]["mean"] == pytest.approx(model.encoder.backbone.mean.flatten().tolist())
    assert about["recipe"]["size"] == 32
    assert about["unit_length"] is True
    assert about["largest_difference"] == {str(length): value for length, value in found.differences.items()}
    assert sorted(path.name for path in found.path.parent.iterdir()) == ["m.pt2", "m.pt2.json"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_encoders(name, video, tmp_path, short):
    found = export(model_of(OTHERS[name]), tmp_path / "m.pt2", format="torch", video=video)
    assert max(found.differences.values()) <= 1e-4


def test_an_onnx_file_embeds_as_the_command_does(video, tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = model_of({**TINY, **DEFAULT})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter's own parts
        found = export(model, tmp_path / "m.onnx", video=video)
    assert list(found.differences) == [2, 17, 80, 300]
    assert max(found.differences.values()) <= 1e-4
    assert b"embedding/export.py" not in found.path.read_bytes()
    session = onnxruntime.InferenceSession(found.path)
    assert [value.name for value in session.get_inputs()] == ["pixels", "time_s", "mask"]
    assert [value.shape[1] for value in session.get_inputs()] == ["T"] * 3
    pixels, time_s = (value[None].numpy() for value in exporting.frames_to_compare(video, model, 24))
    rows = session.run(["embedding"], {"pixels": pixels, "time_s": time_s, "mask": np.ones((1, 24), bool)})[0][0]
    np.testing.assert_allclose(rows, model.frames(video).embedding, atol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.json"]


@pytest.mark.parametrize(
    ("error", "words"), [(2e-4, r"2\.0e-04 at T = 2, 2\.0e-04 at T = 5"), (float("nan"), "nan at T = 2")]
)
def test_a_file_that_differs_is_not_left(video, tmp_path, short, monkeypatch, error, words):
    def wrong(window, picture, path, format):
        path.write_bytes(b"a file")
        return lambda *inputs: window(*inputs) + error

    monkeypatch.setattr(exporting, "_write", wrong)
    with pytest.raises(InputError, match=f"not written: it differs from the model by {words}"):
        export(model_of(IMAGE), tmp_path / "m.pt2", format="torch", video=video)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run": "clip"}, "overlapping clips"),
        ({"output": "m.onnx"}, r"a file of format torch is named \*\.pt2"),
        ({"format": "tflite"}, "must be one of onnx, torch"),
        ({"video": None}, "give a video to compare on"),
        ({"run": "several"}, "no run that names its own|compare on"),
    ],
)
def test_refusals(change, words, video, tmp_path):
    model = model_of(IMAGE)
    if change.get("run") == "clip":
        model = Model(encoder={"name": "clip", "backbone": "x3d_s", "num_frames": 4, "size": 32}, recipe={"size": 32})
    if change.get("run") == "several":
        model.save_pretrained(tmp_path / "run" / "model")
        model = tmp_path / "run"
        change = {"video": None}
    given = {"output": tmp_path / "m.pt2", "format": "torch", "video": video} | {
        k: v for k, v in change.items() if k != "run"
    }
    with pytest.raises(InputError, match=words):
        export(model, given.pop("output"), **given)


def test_a_run_is_compared_on_its_own_videos(video, tmp_path, short):
    model = model_of(IMAGE)
    model.save_pretrained(tmp_path / "run" / "model")
    (tmp_path / "run" / "config.yaml").write_text(f"data: {{root: {video.parent}}}\n")
    found = export(tmp_path / "run", tmp_path / "m.pt2", format="torch")
    assert max(found.differences.values()) <= 1e-4
    assert json.loads(found.about.read_text())["model"].endswith("-raw")


def test_a_video_that_is_shorter_is_shown_to_and_fro(video):
    pixels, time_s = exporting.frames_to_compare(video, model_of(IMAGE), 50)
    assert torch.equal(pixels[24:46], pixels[1:23].flip(0))
    assert torch.equal(pixels[46:], pixels[:4])
    np.testing.assert_allclose(np.diff(time_s), 0.1, atol=1e-3)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("format", ["torch", "onnx"])
@pytest.mark.parametrize("encoder", ["default", "sinusoidal", "zero-shot"])
def test_real_backbone_on_real_frames(data_root, weights_root, tmp_path, encoder, format):
    if format == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    weights = str(weights_root / "tf_efficientnet_lite0.safetensors")
    spec = {"name": "image", "backbone": "tf_efficientnet_lite0", "weights": weights}
    if encoder != "zero-shot":
        spec |= {"name": "frame", "stage": 3, "pooling": "grid", "centre": True, "num_layers": 1}
        spec |= {"reach_s": 0.5} if encoder == "default" else {"position": "sinusoidal"}
    model = model_of(spec, size=160 if encoder == "zero-shot" else 128, fps=10.0)
    video = sorted((data_root / "pushups" / "videos").glob("*.mp4"))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = export(model, tmp_path / f"m{exporting.SUFFIX[format]}", format=format, video=video)
    print(encoder, format, found.differences)
    assert max(found.differences.values()) <= 1e-4
