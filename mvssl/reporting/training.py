"""How a run was set and how it went: the chapters of a report that need nothing but the run's folder."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mvssl import files
from mvssl.errors import InputError
from mvssl.reporting._figures import blank

from .report import Chapter, Part

CURVES = {
    "loss": "Loss: what training makes small. It should fall and level off.",
    "effective_rank": "Effective rank: how many directions the embeddings use. Near 1 they have collapsed into one.",
    "std": "Spread: about 1 when the embeddings differ from one another, 0 when all are equal.",
    "clock_r2": "Clock: how well the time within the clip can be read from an embedding. 1 would be a mere clock.",
}
_COMPONENTS = {"objective": "objectives", "sampler": "sampling", "views": "views", "encoder": "encoders"}
_SETTINGS = {
    "encoder.backbone": "network that looks at each frame",
    "encoder.weights": "where its first weights come from",
    "encoder.freeze": "which part of it is left as it is",
    "sampler.num_frames": "frames of a clip",
    "sampler.fps": "frames a second",
    "views.size": "side of the pictures, in pixels",
    "batch.size": "clips compared with one another at a time",
    "train.steps": "steps",
    "optimiser.name": "how weights are changed",
    "optimiser.lr": "how strongly (learning rate)",
    "train.seed": "seed of everything random",
}


def settings_chapter(run: str | Path) -> Chapter:
    """The run's configuration: what each choice is, in words, and all of it, folded.

    Raises:
        InputError: no config.yaml there.
    """
    path = Path(run) / "config.yaml"
    if not path.is_file():
        raise InputError(f"{run}: no config.yaml there; a report is of a run's folder (mvssl pretrain)")
    values = yaml.safe_load(path.read_text())
    rows = []
    for key, room in _COMPONENTS.items():
        name = str((values.get(key) or {}).get("name", "-"))
        rows.append([key, name, _first_sentence(f"mvssl.{room}.{name}")])
    rows += [[key, str(_at(values, key)), words] for key, words in _SETTINGS.items() if _at(values, key) is not None]
    return Chapter(
        "How it was set",
        [
            Part("table", (["setting", "is", "in words"], rows)),
            Part("folded", path.read_text(), "the whole configuration"),
        ],
    )


def training_chapter(run: str | Path, pictures: str | Path) -> Chapter:
    """The curves of the run's metrics.jsonl, each with what it means, and its end in words.

    Args:
        pictures: folder that the curves are drawn into.

    Raises:
        InputError: no metrics.jsonl there, or an empty one.
    """
    path = Path(run) / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    if not lines:
        raise InputError(f"{run}: no metrics.jsonl with steps in it; a report is of a run that has begun")
    drawn = [(curve(lines, key, Path(pictures) / f"curve-{key}.png"), CURVES[key]) for key in _measured(lines)]
    return Chapter("Training", [Part("text", _outcome(lines)), Part("pictures", drawn)])


def curve(lines: list[dict[str, Any]], key: str, path: Path) -> Path:
    """Draws one number of a run over its steps."""
    rows = [line for line in lines if line.get(key) is not None]
    figure = blank(4.4, 2.6, dpi=140)
    axes = figure.add_subplot()
    axes.plot([line["step"] for line in rows], [line[key] for line in rows], color="#1f6f8b", linewidth=1.6)
    axes.set(title=key.replace("_", " "), xlabel="step")
    axes.spines[["top", "right"]].set_visible(False)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary)
    return path


def _measured(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in CURVES if any(line.get(key) is not None for line in lines)]


def _outcome(lines: list[dict[str, Any]]) -> str:
    losses = [line["loss"] for line in lines if "loss" in line]
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    words = [
        f"{lines[-1]['step'] + 1} steps; the loss went from {first:.3f} to {last:.3f} (means of the first and last tenth)."
    ]
    rank = next((line["effective_rank"] for line in reversed(lines) if "effective_rank" in line), None)
    if rank is not None:
        state = "collapsed: all frames look alike to it" if rank < 2 else "alive"
        words.append(f"At the end the embeddings use about {rank:.0f} directions: {state}.")
    skipped = int(lines[-1].get("skipped", 0))
    if skipped:
        words.append(f"{skipped} steps were left out because a number was not finite.")
    return " ".join(words)


def _first_sentence(module: str) -> str:
    """What a component's file says of itself in its first line."""
    if importlib.util.find_spec(module) is None:
        return ""
    return (importlib.import_module(module).__doc__ or "").strip().splitlines()[0]


def _at(values: Mapping[str, Any], key: str) -> Any:
    section, _, name = key.partition(".")
    return (values.get(section) or {}).get(name)
