"""A model as one file that runs without this library."""

from __future__ import annotations

from pathlib import Path

from mvssl import config
from mvssl.api._models import model_for
from mvssl.embedding import Model
from mvssl.embedding.export import SUFFIX, Exported, Format, export_model
from mvssl.errors import InputError
from mvssl.types import Video
from mvssl.video import read_videos


def export(
    run: str | Path | Model | None,
    output: str | Path | None = None,
    *,
    format: Format = "onnx",
    modality: str | None = None,
    video: str | Path | Video | None = None,
) -> Exported:
    """Writes a trained encoder to ONNX or to torch's exported program, and a .json beside it; compares both on real frames.

    Inputs: ``pixels`` (1, T, C, H, W) float32 in [0, 1], ``time_s`` (1, T) float64, ``mask`` (1, T) bool. Output:
    ``embedding`` (1, T, D), what ``mvssl embed`` writes for one window of the recipe (``window_s``). T is free, from 2 on.

    Args:
        run: run folder, model folder, hub id, model, or None (zero-shot).
        output: the file; default: model.onnx or model.pt2 here.
        format: ``onnx`` (extra ``export``) or ``torch`` (a .pt2 file for ``torch.export.load``).
        modality: which encoder, where the run has several.
        video: what the file is compared with the model on; default: the first of the videos that the run was trained on.

    Raises:
        InputError: no video to compare on, or the file differs from the model; see ``embedding/export.py`` for the others.
    """
    if format not in SUFFIX:
        raise InputError(f"format: must be one of {', '.join(SUFFIX)}, got {format!r}")
    model = model_for(run, modality)
    path = Path(f"model{SUFFIX[format]}") if output is None else Path(output)
    if path.suffix != SUFFIX[format]:
        raise InputError(f"{path}: a file of format {format} is named *{SUFFIX[format]}")
    return export_model(model, path, _video_of(run) if video is None else video, format=format)


def _video_of(run: str | Path | Model | None) -> Video:
    """The first video of a run's own."""
    settings = Path(run) / "config.yaml" if isinstance(run, str | Path) else None
    if settings is None or not settings.is_file():
        raise InputError("export: give a video to compare on (--video FILE): this is no run that names its own")
    root = config.load(settings)["data"]["root"]
    try:
        return read_videos(root)[0]
    except InputError as error:
        raise InputError(f"{settings}: its videos are gone ({error}); give one to compare on: --video FILE") from None
