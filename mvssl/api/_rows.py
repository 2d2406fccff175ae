"""The rows of an evaluation: the run, and what it has to beat, each as a table of frames made when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mvssl import config
from mvssl.embedding import Frames, Model, Recipe, embed_folder, project
from mvssl.encoders import FrameEncoder, Image, available, fingerprint
from mvssl.evaluation import reuse_rows, time_only, warped_frames
from mvssl.types import Video

NO_WEIGHTS = "no weights here"
MIN_FRAMES = 10  # of a video that can be cut and warped


class Row(NamedTuple):
    """One method or control: backbone features of the videos, and what makes a representation of them."""

    trunk: Frames
    recipe: Recipe
    encoder: FrameEncoder | None = None  # None: the backbone features themselves
    normalise: bool = False
    centred: bool = False
    clock: bool = False

    def table(self, *, layers: bool = False) -> Frames:
        """The embedded videos; with ``layers``, what the encoder names of its inside too."""
        return self._of(self.trunk, layers)

    def cuts(self, seed: int, split: str = "val") -> Frames:
        """Cut and warped versions of one split's videos, embedded afresh: what ``embed(..., cut_seed=seed)`` gives.

        The backbone sees single pictures, so its features of a version are rows of those that are there.
        """
        videos = [video for video in self.trunk.where(split=split) if len(video.frame) >= MIN_FRAMES]
        return self._of(warped_frames(Frames(videos, self.trunk.metadata), reuse_rows, seed=seed), False)

    def _of(self, trunk: Frames, layers: bool) -> Frames:
        if self.clock:
            return time_only(trunk)
        if self.encoder is None:
            return trunk.centred() if self.centred else trunk
        names = tuple(self.encoder.dims.maps) if layers and not isinstance(self.encoder, Image) else ()
        return project(self.encoder, trunk, recipe=self.recipe, normalise=self.normalise, layers=names)


def build_rows(
    model: Model,
    videos: Sequence[Video],
    folder: Path,
    *,
    shared: Path,
    supervised: Model | None,
    image_weights: str,
    progress: bool,
) -> dict[str, Row | str]:
    """Embeds the videos by every backbone that a row needs; a string says why there is no row.

    Args:
        folder: of the tables of this run's own backbones.
        shared: of those that other runs have too.
    """
    recipe, spec, own = model.recipe, model.specification, model.encoder
    backbones: dict[str, Frames] = {}

    def features(name: str, encoder: FrameEncoder) -> Frames:
        key = fingerprint(encoder.trunk)
        if key not in backbones:
            where = (shared if name in ("backbone", "imagenet") else folder) / name
            image = Image.of(encoder.trunk, chunk=encoder.chunk)
            backbones[key] = embed_folder(image, videos, where, recipe=recipe, progress=progress)[0]
        return backbones[key]

    trunk = features("backbone", own)
    rows: dict[str, Row | str] = {"time only": Row(trunk, recipe, clock=True)}
    torch.manual_seed(0)
    random = _fresh(spec)
    rows["random encoder"] = Row(features("random_backbone", random), recipe, random, model.normalise)
    backbone = str(spec.get("backbone", "tf_efficientnet_lite0"))
    if available(backbone, image_weights) and image_weights != "none":
        about = {"name": "image", "backbone": backbone, "weights": image_weights}
        raw = features("imagenet", config.build("mvssl.encoders", about, "encoder"))
        rows["ImageNet"], rows["ImageNet, centred"] = Row(raw, recipe), Row(raw, recipe, centred=True)
        if raw is not trunk:  # another map, or other weights
            rows["own backbone"], rows["own backbone, centred"] = Row(trunk, recipe), Row(trunk, recipe, centred=True)
    else:
        rows["ImageNet"] = rows["ImageNet, centred"] = NO_WEIGHTS
    if own.dims.frame != own.trunk.dim:
        torch.manual_seed(0)
        before = _fresh(spec)
        before.trunk.load_state_dict(own.trunk.state_dict())
        rows["before training"] = Row(trunk, recipe, before, model.normalise)
    rows["this run"] = Row(trunk, recipe, own, model.normalise)
    if supervised is not None:
        reference = supervised.encoder
        rows["supervised reference"] = Row(
            features("supervised_backbone", reference), recipe, reference, supervised.normalise
        )
    return rows


def _fresh(spec: Mapping[str, Any]) -> FrameEncoder:
    """An encoder of this specification that has learned nothing."""
    return config.build("mvssl.encoders", {**spec, "weights": "none"}, "encoder")
