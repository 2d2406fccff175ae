"""The model card (README.md of a model folder): what the model is, how to load it, what it was measured to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from huggingface_hub import ModelCard, ModelCardData

from mvssl import config
from mvssl.embedding.folder import describe
from mvssl.encoders import Encoder
from mvssl.views.recipe import Recipe

FILE = "README.md"
UNKNOWN = "not stated"
NOT_EVALUATED = "Not evaluated: no results were given when this card was written (`mvssl evaluate`, then `mvssl card`)."


class Described(Protocol):
    """What a card says of a model (``Model`` has it)."""

    encoder: Encoder
    specification: dict[str, Any]  # of the encoder
    recipe: Recipe
    normalise: bool


def identity(model: Described) -> str:
    """Equal for models of equal embeddings: weights, recipe, scaling of the rows."""
    return str(describe(model.encoder, model.recipe, normalise=model.normalise)["model"])


def training_facts(run: Path) -> dict[str, str]:
    """Objective and length that a run's config.yaml states, and the numbers of videos in its summary.json."""
    return {**_settings(run), **_counts(run)}


def _settings(run: Path) -> dict[str, str]:
    if not (run / "config.yaml").is_file():
        return {}
    values = config.load(run / "config.yaml")
    objective = dict(values["objective"])
    return {
        "objective": _words(objective.pop("name"), objective),
        "trained": f"{values['train']['steps']} steps of {values['batch']['size']} samples",
    }


def _counts(run: Path) -> dict[str, str]:
    if not (run / "summary.json").is_file():
        return {}
    summary = json.loads((run / "summary.json").read_text())
    return {"trained on": f"{summary['videos']} videos, {summary['samples']} samples"}


def model_card(
    model: Described, *, facts: dict[str, str] | None = None, evaluation: str = "", data: ModelCardData | None = None
) -> ModelCard:
    """The card of a model.

    Args:
        facts: of its training, by name; what is missing is "not stated".
        evaluation: Markdown below the heading; without it the card says that there is none.
        data: metadata at its head.
    """
    spec, recipe = {k: v for k, v in model.specification.items() if k != "weights"}, model.recipe
    told = {"objective": UNKNOWN, "trained": UNKNOWN, "trained on": UNKNOWN, **(facts or {})}
    rate = "every frame" if recipe.fps is None else f"{recipe.fps:g} frames a second"
    rows = {
        "encoder": _words(spec.pop("name"), spec),
        "embedding": f"{model.encoder.dims.frame} numbers per frame" + (", unit length" if model.normalise else ""),
        "shown": _words(recipe.modality["name"], {k: v for k, v in recipe.modality.items() if k != "name"}),
        "pictures": f"{recipe.size} x {recipe.size} pixels ({recipe.fit}), {rate}, in windows of {recipe.window_s:g} s",
        **told,
        "identity": f"`{identity(model)}`",
    }
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
    head = (data or ModelCardData()).to_yaml()
    return ModelCard(f"---\n{head}\n---\n\n{_BODY.format(table=table, evaluation=evaluation.strip() or NOT_EVALUATED)}")


_BODY = """# Frame-wise video embeddings

A video in, one embedding per frame out: for aligning videos, finding the same moment elsewhere, recognising phases.

{table}

The identity is that of the weights, the recipe and the scaling together; tables of frames made by this model state it too.

## Use

```python
import mvssl

model = mvssl.load("OWNER/NAME")  # or a folder that holds this file
times_s, embeddings = model.embed("VIDEO.mp4")  # (T,) seconds, (T, D)
```

`mvssl.embedding.Model.from_pretrained("OWNER/NAME")` gives the same model.

## Evaluation

{evaluation}
"""


def _words(name: str, values: dict[str, Any]) -> str:
    """``name (key value, key value)``, without what is not set."""
    shown = [f"{key} {value}" for key, value in values.items() if value is not None]
    return f"{name} ({', '.join(shown)})" if shown else name
