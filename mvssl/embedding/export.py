"""A model as one file that runs without this library: ONNX, or torch's own exported program (.pt2)."""

from __future__ import annotations

import copy
import importlib.util
import json
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mvssl import files
from mvssl.embedding.folder import describe
from mvssl.embedding.model import Model
from mvssl.embedding.pictures import pictures
from mvssl.errors import InputError
from mvssl.series import median_step, unit_rows
from mvssl.types import Video
from mvssl.video import open_video

Format = Literal["onnx", "torch"]
SUFFIX: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "torch": ()}
LENGTHS = (2, 17, 80, 300)  # numbers of frames at which the file is compared with the model
TOLERANCE = 1e-4
NAMES = ("pixels", "time_s", "mask")
Run = Callable[[Tensor, Tensor, Tensor], Tensor]


class Exported(NamedTuple):
    """The file, what it holds in words and numbers (.json), and by T how far it is from the model at most."""

    path: Path
    about: Path
    differences: dict[int, float]


class Window(nn.Module):
    """What ``mvssl embed`` does with one window: pixels (1, T, C, H, W) float32 in [0, 1], time_s (1, T) float64, mask
    (1, T) bool -> (1, T, D).

    The backbone's own mean and deviation are inside. Times are float64 as everywhere: ``reach_s`` compares differences of
    times with a limit on which frames lie exactly, and float32 has steps of 0.06 ms ten minutes into a file.
    """

    def __init__(self, model: Model):
        super().__init__()
        encoder = copy.deepcopy(model.encoder).cpu().eval().requires_grad_(False)
        self.encoder = encoder.to(memory_format=torch.contiguous_format)  # a .pt2 file holds no other order
        self.normalise = model.normalise
        self.eval()

    def forward(self, pixels: Tensor, time_s: Tensor, mask: Tensor) -> Tensor:
        rows = self.encoder.temporal(self.encoder.backbone(pixels[0])[None], time_s, mask).frame
        assert rows is not None  # every frame encoder gives frames
        return nn.functional.normalize(rows, dim=-1, eps=1e-12) if self.normalise else rows


def export_model(model: Model, path: str | Path, video: str | Path | Video, *, format: Format = "onnx") -> Exported:
    """Writes a model as one file, and beside it a .json that says what goes in and comes out.

    T is free from 2 on; one window at a time (B = 1) of pictures of the recipe's size. The file is compared with the model
    on frames of ``video``, all valid and every fifth masked, before it gets its name.

    Args:
        path: the file; its folder is made.
        video: what to compare on; a video of fewer frames than ``LENGTHS`` is shown to and fro.

    Raises:
        InputError: an encoder of clips or one that is not shown pictures, a package is missing, the file differs from the
            model by more than ``TOLERANCE``.
    """
    path = Path(path)
    missing = [name for name in NEEDS[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"{path}: {', '.join(missing)} not installed; pip install 'mvssl[export]', or --format torch")
    if not model.encoder.sees_single_pictures:
        raise InputError(
            f"encoder {model.specification['name']} cannot be exported: it cuts what it sees into overlapping clips, how "
            "many depends on T; export a frame or image encoder, or use `mvssl embed`"
        )
    pixels, time_s = frames_to_compare(video, model, max(LENGTHS))
    with files.whole_file(path) as temporary:
        run = _write(Window(model), tuple(pixels.shape[1:]), temporary, format)
        differences = _compare(model, run, pixels, time_s)
        if not all(value <= TOLERANCE for value in differences.values()):  # NaN is no small difference
            told = ", ".join(f"{value:.1e} at T = {length}" for length, value in differences.items())
            raise InputError(f"{path}: not written: it differs from the model by {told}; allowed are {TOLERANCE:.0e}")
    beside = path.with_name(f"{path.name}.json")
    files.write_text(beside, json.dumps(_about(model, format, tuple(pixels.shape[1:]), differences), indent=1))
    return Exported(path, beside, differences)


def frames_to_compare(video: str | Path | Video, model: Model, num_frames: int) -> tuple[Tensor, Tensor]:
    """Pictures (num_frames, C, H, W) as the encoder is shown them, and their times (num_frames,)."""
    with open_video(video) as decoder:
        time_s = decoder.times_s[model.recipe.frames_of(decoder.times_s)[:num_frames]]
        if len(time_s) < 2:
            raise InputError(f"{decoder.video.path}: one frame; give a video of more to compare on")
        shown = pictures(decoder, time_s, model.recipe)
    if shown.dim() != 6 or shown.shape[2] != 1:
        raise InputError(
            f"an encoder of {model.recipe.modality['name']} cannot be exported: it is not shown one picture per frame, but "
            f"{tuple(shown.shape[2:])}; use `mvssl embed`"
        )
    there, step_s = len(time_s), median_step(time_s)
    to_and_fro = np.resize([*range(there), *range(there - 2, 0, -1)], num_frames)
    later_s = time_s[-1] + step_s * np.arange(1, num_frames - there + 1)
    return shown[0, to_and_fro, 0], torch.from_numpy(np.concatenate([time_s, later_s]))


def _write(window: Window, picture: tuple[int, ...], path: Path, format: Format) -> Run:
    """Writes the file, which holds no frame of a video and no path of this machine, and opens it again."""
    times, mask = torch.arange(5.0).double()[None], torch.ones(1, 5, dtype=torch.bool)
    frames = torch.export.Dim("T", min=2)
    with torch.no_grad():
        program = torch.export.export(
            window, (torch.zeros(1, 5, *picture), times, mask), dynamic_shapes={name: {1: frames} for name in NAMES}
        )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    if format == "torch":
        torch.export.save(program, path)
        return torch.export.load(path).module()
    import onnxruntime

    named: dict[str, Any] = {name: {1: torch.export.Dim.DYNAMIC} for name in NAMES}
    named[NAMES[0]] = {1: "T"}  # the others share it
    made = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=NAMES, output_names=["embedding"], dynamic_shapes=named
    )
    assert made is not None
    made.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(*values: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: value.numpy() for name, value in zip(NAMES, values)})[0])

    return run


@torch.inference_mode()
def _compare(model: Model, run: Run, pixels: Tensor, time_s: Tensor) -> dict[int, float]:
    """Largest difference by number of frames, all frames valid and every fifth (and the last) masked."""
    encoder, device = model.encoder.eval(), next(model.encoder.parameters()).device
    features = encoder.backbone_features(pixels[None, :, None].to(device))
    found = {}
    for length in LENGTHS:
        times, whole = time_s[None, :length], torch.ones(1, length, dtype=torch.bool)
        some = whole.clone()
        some[0, 4::5] = some[0, -1] = False
        apart = []
        for mask in (whole, some):
            rows = encoder.temporal(features[:, :length], times.to(device), mask.to(device)).frame
            assert rows is not None
            expected = rows[0].float().cpu().numpy()
            made = run(pixels[None, :length], times, mask)[0].numpy()
            apart.append(np.abs(made - (unit_rows(expected) if model.normalise else expected)).max())
        found[length] = float(np.max(apart))  # NaN stays NaN
    return found


def _about(model: Model, format: Format, picture: tuple[int, ...], differences: dict[int, float]) -> dict[str, Any]:
    backbone: Any = model.encoder.backbone
    packages = ("mvssl", "torch", "timm", *NEEDS[format])
    return {
        "format": format,
        "model": describe(model.encoder, model.recipe, normalise=model.normalise)["model"],
        "inputs": {
            "pixels": {
                "shape": [1, "T", *picture],
                "type": "float32",
                "is": "in [0, 1] (rgb: bytes / 255), T from 2 on",
            },
            "time_s": {"shape": [1, "T"], "type": "float64", "is": "presentation times in seconds, rising"},
            "mask": {"shape": [1, "T"], "type": "bool", "is": "false = padding, attended to by no other frame"},
        },
        "output": {"embedding": {"shape": [1, "T", model.encoder.dims.frame], "type": "float32"}},
        "unit_length": model.normalise,
        "recipe": model.recipe.model_dump(),
        "inside": {"mean": backbone.mean.flatten().tolist(), "std": backbone.std.flatten().tolist()},
        "encoder": model.specification,
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in packages},
        "largest_difference": {str(length): value for length, value in differences.items()},
    }
