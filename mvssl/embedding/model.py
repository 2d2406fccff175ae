"""A trained model as people share it: encoder, recipe and weights in one folder (config.json + model.safetensors)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mvssl import config, files
from mvssl.arguments import check_run
from mvssl.embedding import card as cards
from mvssl.embedding.video import embed_video
from mvssl.encoders import Encoder
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.types import Video
from mvssl.video import open_video
from mvssl.views.recipe import Recipe

FOLDER = "model"  # inside a run


class Model(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="mvssl",
    tags=["video", "video-alignment", "self-supervised"],
):
    """Videos in, one embedding per frame out. ``save_pretrained``, ``from_pretrained`` and ``push_to_hub`` as on the hub.
    The card that they write is the one of the folder that the model was loaded from, if it is of these weights.

    Args:
        encoder: specification of the encoder, ``{name: frame, ...}``.
        recipe: fields of ``Recipe``.
        normalise: rows scaled to unit length.
    """

    def __init__(self, *, encoder: dict[str, Any], recipe: dict[str, Any], normalise: bool = True):
        super().__init__()
        built = config.build("mvssl.encoders", encoder, "encoder")
        assert isinstance(built, Encoder)
        self.encoder = built
        self.specification = dict(encoder)
        self.recipe = config.check(Recipe, recipe, "recipe")
        self.normalise = normalise
        self.card = ""  # README.md of the folder that it was read from

    @classmethod
    def of(cls, spec: Mapping[str, Any], encoder: Encoder, recipe: Recipe, *, normalise: bool = True) -> Model:
        """A model of a trained encoder; ``spec`` is what it was built from (the source of its weights is left out)."""
        model = cls(encoder={**spec, "weights": "none"}, recipe=recipe.model_dump(), normalise=normalise)
        model.encoder.load_state_dict(encoder.state_dict())
        return model

    def generate_model_card(self, *, facts: dict[str, str] | None = None, evaluation: str = "") -> ModelCard:
        """See ``embedding/card.py``."""
        if not facts and not evaluation and cards.identity(self) in self.card:
            return ModelCard(self.card)
        return cards.model_card(self, facts=facts, evaluation=evaluation, data=self._hub_mixin_info.model_card_data)

    @torch.inference_mode()
    def embed(self, path: str | Path | Video) -> tuple[np.ndarray, np.ndarray]:
        """Times in seconds (T,) and embeddings (T, D) of a video."""
        found = self.frames(path)
        return found.time_s, found.embedding

    def frames(self, path: str | Path | Video) -> VideoFrames:
        """As ``embed``, with frame numbers and everything else that is known of the video."""
        if not isinstance(path, Video):
            with open_video(path) as decoder:
                path = decoder.video
        device = next(self.encoder.parameters()).device
        return embed_video(self.encoder, path, recipe=self.recipe, device=device, normalise=self.normalise)


def save_models(models: Mapping[str, Model], folder: Path) -> None:
    """One model in ``folder`` itself, several in sub-folders of their names; a card of other weights there is replaced."""
    facts = cards.training_facts(folder.parent) if folder.name == FOLDER else {}
    with files.whole_folder(folder, also=(SafetensorError,)) as temporary:
        if folder.is_dir():
            shutil.copytree(folder, temporary, dirs_exist_ok=True)
        for name, model in models.items():
            place = temporary / name if len(models) > 1 else temporary
            card = place / cards.FILE
            if card.is_file() and cards.identity(model) not in card.read_text():
                card.unlink()
            model.save_pretrained(place, model_card_kwargs={"facts": facts})


def model_folders(run: str | Path) -> list[Path]:
    """Where the models of a run are, or the model folder itself.

    Raises:
        InputError: no model there.
    """
    for folder in (Path(run) / FOLDER, Path(run)):
        if _is_model(folder):
            return [folder]
        several = sorted(filter(_is_model, folder.iterdir())) if folder.name == FOLDER and folder.is_dir() else []
        if several:
            return several
    raise InputError(f"{run}: no model there; a run holds {FOLDER}/config.json and {FOLDER}/model.safetensors")


def load(run: str | Path, *, modality: str | None = None) -> Model:
    """A model from a run folder, a model folder, its .safetensors file, or a hub id.

    Args:
        modality: which encoder, where the run has several (``run/model/NAME``): name of its modality, or of its view
            with ``encoder.share: none``. Default: the one that is shown rgb.

    Raises:
        InputError: nothing of the kind is there, or it cannot be read, or which encoder is meant is not clear; says what
            was looked for and what there is.
    """
    path = Path(run)
    for folder in (path / FOLDER, path, path.parent if path.suffix == ".safetensors" else path):
        if _is_model(folder):
            found = _read(folder)
            if modality not in (None, found.recipe.modality["name"]):
                raise InputError(f"{run}: its encoder is shown {found.recipe.modality['name']}, not {modality}")
            return found
        several = sorted(filter(_is_model, folder.iterdir())) if folder.name == FOLDER and folder.is_dir() else []
        if several:
            return _choose({part.name: _read(part) for part in several}, modality, run)
    if path.exists():
        raise InputError(
            f"{path}: no model there; a run holds {FOLDER}/config.json and {FOLDER}/model.safetensors when it is complete "
            "(an unfinished run goes on with the same `mvssl pretrain` command)"
        )
    if modality is not None:
        raise InputError(f"{run}: is no run with several encoders, so no modality can be chosen")
    check_run(run)
    return _fetch(str(run))


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "model.safetensors").is_file()


def _choose(models: dict[str, Model], modality: str | None, run: str | Path) -> Model:
    if modality in models:
        return models[modality]
    shown = {name: model.recipe.modality["name"] for name, model in models.items()}
    fitting = [name for name in models if shown[name] == (modality or "rgb")]
    if not fitting:
        known = ", ".join(name if name == shown[name] else f"{name} ({shown[name]})" for name in models)
        raise InputError(f"{run}: has no encoder of {modality or 'rgb'}; choose a modality: {known}")
    return models[fitting[0]]


def _read(folder: Path) -> Model:
    try:
        spec = json.loads((folder / "config.json").read_text())
        model = Model(**spec)
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{folder}: not a readable model ({type(error).__name__}: {str(error)[:200]})") from None
    if (folder / cards.FILE).is_file():
        model.card = (folder / cards.FILE).read_text()
    return model.eval()


def _fetch(hub_id: str) -> Model:
    try:
        return Model.from_pretrained(hub_id, map_location="cpu", strict=True).eval()
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise InputError(
            f"{hub_id}: no such folder, and it cannot be fetched from the hub ({type(error).__name__}); "
            "without network, give the folder of a run"
        ) from None
