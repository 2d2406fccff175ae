"""The rows of an evaluation: the run, and what it has to beat, each as a table of frames made when it is asked for.

All rows are treated alike: the same videos, pictures and frame rate, rows of unit length, the maps of the backbone that the
run has, and the same read-outs. Raw features against unit vectors would make any method look good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mvssl import config
from mvssl.embedding import Model, Recipe, embed_folder, project
from mvssl.encoders import BackboneEncoder, Encoder, available, fingerprint
from mvssl.encoders._backbone import Backbone
from mvssl.evaluation import projected, reuse_rows, time_only, warped_frames
from mvssl.frames import Frames
from mvssl.training.copies import MIN_FRAMES, augmented_copies
from mvssl.types import Video

NO_WEIGHTS = "no weights here"


class BackboneTables:
    """Features of the videos by one backbone: plain, and of augmented copies; each computed once and kept in ``folder``."""

    def __init__(
        self,
        backbone: Backbone,
        chunk: int | None,
        videos: Sequence[Video],
        folder: Path,
        recipe: Recipe,
        progress: bool,
    ):
        self.image, self.videos, self.folder = BackboneEncoder(backbone, chunk=chunk), videos, folder
        self.recipe, self.progress = recipe, progress
        self.widths = backbone.map_dims
        self.plain = embed_folder(self.image, videos, folder, recipe=recipe, progress=progress)[0]
        self.copies = cache(self._copies)

    def _copies(self, seed: int, split: str) -> Frames:
        return augmented_copies(
            self.image, self.plain.where(split=split), self.videos, self.folder / "copies", recipe=self.recipe, seed=seed,
            own_augmentation=False, progress=self.progress,
        )  # fmt: skip


class Row(NamedTuple):
    """One method or control: backbone features of the videos, and what makes a representation of them."""

    backbone: BackboneTables
    recipe: Recipe
    encoder: Encoder | None = None  # None: the backbone features themselves
    normalise: bool = True
    centred: bool = False
    dim: int | None = None  # projected to so many dimensions at random
    clock: bool = False

    def table(self, *, layers: bool = False) -> Frames:
        """The embedded videos; with ``layers``, what the encoder names of its inside too."""
        return self._of(self.backbone.plain, layers)

    def cuts(self, seed: int, split: str = "val") -> Frames:
        """Cut versions of one split's videos, embedded afresh: those named "#none" of ``embed(..., cut_seed=seed)``.

        The backbone sees single pictures, so its features of a version are rows of those that are there.
        """
        plain = self.backbone.plain
        videos = [video for video in plain.where(split=split) if len(video.frame) >= MIN_FRAMES]
        cut = warped_frames(Frames(videos, plain.metadata), reuse_rows, seed=seed, warps=("none",))
        return self._of(cut, False)

    def copies(self, seed: int, split: str = "val") -> Frames:
        """Cut and warped copies that were augmented anew, each beside its source (``augmented_copies``)."""
        return self._of(self.backbone.copies(seed, split), False)

    def _of(self, features: Frames, layers: bool) -> Frames:
        if self.clock:
            return time_only(features)
        if self.encoder is None:
            if len(self.backbone.widths) > 1 and self.normalise:  # else the larger map drowns the other
                features = features.unit(self.backbone.widths)
            features = features.centred() if self.centred else features
            features = features if self.dim is None else projected(features, self.dim)
            return features.unit() if self.normalise else features
        names = tuple(self.encoder.dims.maps) if layers and self.encoder.has_temporal_part else ()
        return project(self.encoder, features, recipe=self.recipe, normalise=self.normalise, layers=names)


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
    recipe, spec, own, unit = model.recipe, model.specification, model.encoder, model.normalise
    backbones: dict[str, BackboneTables] = {}

    def features(name: str, encoder: Encoder) -> BackboneTables:
        key = fingerprint(encoder.backbone)
        if key not in backbones:
            where = (shared if name in ("backbone", "imagenet") else folder) / name
            backbones[key] = BackboneTables(encoder.backbone, encoder.chunk, videos, where, recipe, progress)
        return backbones[key]

    def plain_and_centred(name: str, backbone: BackboneTables) -> dict[str, Row | str]:
        return {
            name: Row(backbone, recipe, None, unit),
            f"{name}, centred": Row(backbone, recipe, None, unit, centred=True),
        }

    of_run = features("backbone", own)
    rows: dict[str, Row | str] = {"time only": Row(of_run, recipe, clock=True)}
    torch.manual_seed(0)
    random = _fresh(spec)
    rows["random encoder"] = Row(features("random_backbone", random), recipe, random, unit)
    backbone = str(spec.get("backbone", "tf_efficientnet_lite0"))
    if available(backbone, image_weights) and image_weights != "none":
        about = {"name": "image", "backbone": backbone, "weights": image_weights}
        raw = features("imagenet", config.build("mvssl.encoders", about, "encoder"))
        rows |= plain_and_centred("ImageNet", raw)
    else:
        raw = None
        rows["ImageNet"] = rows["ImageNet, centred"] = NO_WEIGHTS
    if raw is not of_run:  # another map, or other weights
        rows |= plain_and_centred("own backbone", of_run)
    if own.dims.frame < own.backbone.dim:
        rows["own backbone, centred, projected"] = Row(of_run, recipe, None, unit, centred=True, dim=own.dims.frame)
    if own.dims.frame != own.backbone.dim:
        torch.manual_seed(0)
        before = _fresh(spec)
        before.backbone.load_state_dict(own.backbone.state_dict())
        rows["before training"] = Row(of_run, recipe, before, unit)
    rows["this run"] = Row(of_run, recipe, own, unit)
    if supervised is not None:
        reference = supervised.encoder
        rows["supervised reference"] = Row(
            features("supervised_backbone", reference), recipe, reference, supervised.normalise
        )
    return rows


def _fresh(spec: Mapping[str, Any]) -> Encoder:
    """An encoder of this specification that has learned nothing."""
    return config.build("mvssl.encoders", {**spec, "weights": "none"}, "encoder")
