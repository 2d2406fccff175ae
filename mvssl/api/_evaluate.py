"""A model's numbers, each beside its controls: what time alone, chance and a plain ImageNet backbone reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mvssl import config
from mvssl.api._models import load
from mvssl.embedding import Frames, Model, embed_folder, project
from mvssl.encoders import FrameEncoder, Image, available, fingerprint
from mvssl.evaluation import Result, evaluate_frames, flatten, time_only
from mvssl.evaluation.results_file import write_results
from mvssl.labels import Segments, read_segments
from mvssl.reporting.tables import latex, markdown
from mvssl.video import read_videos

NO_WEIGHTS = "no weights here"


class Evaluation(NamedTuple):
    """What ``evaluate`` made: a row of numbers per method and control, in the order of the table."""

    rows: dict[str, dict[str, Any] | str]  # a string in place of numbers says why a row was not run
    results: Path  # results.json
    table: Path  # table.md (and table.tex beside it)


def evaluate(
    run: str | Path | Model,
    dataset: str | Path,
    output: str | Path,
    *,
    labels: str | Path | None = None,
    supervised: str | Path | Model | None = None,
    image_weights: str = "package",
    by_action: bool = False,
    tables: str | Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Evaluates a run on labelled videos and writes results.json, table.md and table.tex.

    Rows: majority, time only, random encoder, ImageNet backbone (raw, and centred per video), the same architecture
    before training, the run, and the supervised reference if its run is given.

    Args:
        dataset: folder or table of videos that states a split for each.
        labels: segments table; default: segments.csv in the dataset's folder; without one, only tau.
        supervised: a run of the same architecture trained with the labels.
        image_weights: source of the ImageNet rows' weights (see ``encoders/weights.py``).
        tables: where the embedded frames of backbones are kept, for several evaluations of one dataset; default: inside
            the output.
        by_action: phases are classified and searched within each action.
    """
    model = run if isinstance(run, Model) else load(run)
    videos = read_videos(dataset)
    segments = _labels(Path(dataset), labels)
    output = Path(output)
    shared = Path(tables) if tables is not None else output / "frames"
    found: dict[str, Frames | str] = {}

    def embedded(name: str, encoder: FrameEncoder, *, normalise: bool) -> Frames:
        folder = (shared if name in ("backbone", "imagenet") else output / "frames") / name
        return embed_folder(encoder, videos, folder, recipe=model.recipe, normalise=normalise, progress=progress)[0]

    trunk = embedded("backbone", _backbone_of(model.encoder), normalise=False)
    own_spec = model.specification
    found["time only"] = time_only(trunk)
    torch.manual_seed(0)
    found["random encoder"] = embedded("random", _fresh(own_spec, weights="none"), normalise=model.normalise)
    backbone = str(own_spec.get("backbone", "tf_efficientnet_lite0"))
    if available(backbone, image_weights) and image_weights != "none":
        image = config.build(
            "mvssl.encoders", {"name": "image", "backbone": backbone, "weights": image_weights}, "encoder"
        )
        same = fingerprint(image.trunk) == fingerprint(model.encoder.trunk)
        raw = trunk if same else embedded("imagenet", image, normalise=False)
        found["ImageNet"], found["ImageNet, centred"] = raw, raw.centred()
    else:
        found["ImageNet"] = found["ImageNet, centred"] = NO_WEIGHTS
    if model.encoder.dims.frame != model.encoder.trunk.dim:
        torch.manual_seed(0)
        before = _fresh(own_spec, weights="none")
        before.trunk.load_state_dict(model.encoder.trunk.state_dict())
        found["before training"] = project(before, trunk, recipe=model.recipe, normalise=model.normalise)
    found["this run"] = project(model.encoder, trunk, recipe=model.recipe, normalise=model.normalise)
    if supervised is not None:
        reference = supervised if isinstance(supervised, Model) else load(supervised)
        found["supervised reference"] = (
            project(reference.encoder, trunk, recipe=model.recipe, normalise=reference.normalise)
            if fingerprint(reference.encoder.trunk) == fingerprint(model.encoder.trunk)
            else embedded("supervised", reference.encoder, normalise=reference.normalise)
        )

    results: dict[str, dict[str, Result] | str] = {}
    for name, table in found.items():
        if isinstance(table, str):
            results[name] = table
            continue
        results[name] = measured = evaluate_frames(table, segments, by_action=by_action)
        if name == "time only" and segments is not None:  # the histogram is stronger than a linear read-out
            controls = measured["phase_classification"].controls
            measured["phase_classification"] = Result(value=_phases(controls["time only, relative"]))
            results = {"majority": {"phase_classification": Result(value=_phases(controls["majority"]))}, **results}
    settings = {"dataset": Path(dataset).name, "by_action": by_action, "model": trunk.metadata, "encoder": own_spec}
    path = write_results(_made(output) / "results.json", results, trunk, segments, settings=settings)
    rows = {name: row if isinstance(row, str) else flatten(row) for name, row in results.items()}
    (output / "table.md").write_text(markdown(rows))
    (output / "table.tex").write_text(latex(rows))
    return Evaluation(rows, path, output / "table.md")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _labels(dataset: Path, labels: str | Path | None) -> Segments | None:
    if labels is not None:
        return read_segments(labels)
    beside = (dataset if dataset.is_dir() else dataset.parent) / "segments.csv"
    return read_segments(beside) if beside.is_file() else None


def _phases(control: Any) -> dict[str, float]:
    return {name: control[name] for name in ("recall", "accuracy")}


def _fresh(spec: Mapping[str, Any], *, weights: str) -> FrameEncoder:
    return config.build("mvssl.encoders", {**spec, "weights": weights}, "encoder")


def _backbone_of(encoder: FrameEncoder) -> FrameEncoder:
    """The encoder's own backbone alone, as an image encoder."""
    return Image.of(encoder.trunk, chunk=encoder.chunk)
