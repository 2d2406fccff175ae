"""Which model a command works with: the user's run, or, without one, the zero-shot default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mvssl.embedding import Model, Recipe
from mvssl.embedding import load as load
from mvssl.encoders import available
from mvssl.encoders.weights import PACKAGE_HINT
from mvssl.errors import InputError

ZERO_SHOT: dict[str, Any] = {
    "name": "image", "backbone": "tf_efficientnet_lite0", "weights": "package",
    "stage": 3, "pooling": "grid", "grid": 4, "add_last": True, "unit": True,
}  # fmt: skip
ZERO_SHOT_RECIPE = Recipe(size=160, fps=15.0)


def zero_shot(weights: str = "package") -> Model:
    """ImageNet features of single frames, nothing trained; alignment and search centre them per video.

    The middle map on a grid, which tells poses, and the mean of the last one, which tells things, each of unit length: chosen
    for alignment in docs/decisions/009.

    Args:
        weights: ``package`` (the extra [demo]) or a .safetensors file of tf_efficientnet_lite0.

    Raises:
        InputError: the weights are not here; says how to get them.
    """
    if not available(ZERO_SHOT["backbone"], weights):
        raise InputError(f"without --run the ImageNet weights are needed, and they are not here: {PACKAGE_HINT}")
    return Model(
        encoder={**ZERO_SHOT, "weights": weights}, recipe=ZERO_SHOT_RECIPE.model_dump(), normalise=False
    ).eval()


def model_for(run: str | Path | Model | None, modality: str | None = None) -> Model:
    """The model of a run (of the encoder for ``modality``), the model that was given, or the zero-shot default for None.

    Raises:
        InputError: a model of another modality, or no such run.
    """
    if isinstance(run, Model):
        shown = run.recipe.modality["name"]
        if modality not in (None, shown):
            raise InputError(f"the model that was given is shown {shown}, not {modality}")
        return run
    if run is not None:
        return load(run, modality=modality)
    if modality not in (None, "rgb"):
        raise InputError(f"without a run there is an encoder of rgb alone, none of {modality}")
    return zero_shot()
