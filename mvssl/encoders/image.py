"""A picture backbone alone: each frame by itself. The zero-shot default, and the control that training has to beat."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mvssl.encoders._backbone import Backbone
from mvssl.encoders._base import Encoder
from mvssl.encoders._image_backbone import ImageBackbone
from mvssl.encoders._transformer import masked_mean
from mvssl.types import Dims, Features


class BackboneEncoder(Encoder):
    """The features of a backbone as frame embeddings, nothing trained.

    Args:
        backbone: shared, not copied.
        chunk: pictures in the backbone at once (see ``Encoder``).
        centre: takes the mean over the clip's frames off.
        unit: each map's vector is scaled to unit length (before ``centre``), so that of two maps neither drowns the other.
    """

    has_temporal_part = False

    def __init__(self, backbone: Backbone, *, chunk: int | None = None, centre: bool = False, unit: bool = False):
        super().__init__(backbone, chunk=chunk)
        self.centre, self.unit = centre, unit
        self.dims = Dims(frame=backbone.dim, clip=backbone.dim, maps={"backbone": backbone.dim}, num_frames=0)

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        if self.unit:
            parts = features.split(list(self.backbone.map_dims), -1)
            features = torch.cat([F.normalize(part, dim=-1) for part in parts], -1)
        if self.centre:
            features = features - masked_mean(features, mask)[:, None]
        return Features(frame=features, clip=masked_mean(features, mask), maps=dict.fromkeys(layers, features))


class ImageEncoder(BackboneEncoder):
    """A timm backbone by its name, nothing trained.

    Args:
        backbone, weights, pooling, stage, grid, add_last, in_channels: as for the ``frame`` encoder.
        centre, unit, chunk: see ``BackboneEncoder``.
    """

    def __init__(
        self,
        *,
        backbone: str = "tf_efficientnet_lite0",
        weights: str = "package",
        pooling: Literal["mean", "max", "grid"] = "mean",
        stage: int | None = None,
        grid: int = 4,
        add_last: bool = False,
        centre: bool = False,
        unit: bool = False,
        chunk: int | None = None,
        in_channels: int = 3,
    ):
        network = ImageBackbone(
            backbone, weights=weights, freeze="all", pooling=pooling, in_channels=in_channels, stage=stage, grid=grid,
            add_last=add_last,
        )  # fmt: skip
        super().__init__(network, chunk=chunk, centre=centre, unit=unit)
