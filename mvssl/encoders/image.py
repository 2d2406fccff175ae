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


class ImageEncoder(Encoder):
    """Backbone features as frame embeddings, nothing trained.

    Args:
        backbone, weights, pooling, stage, grid, add_last, centre, chunk, in_channels: as for the ``frame`` encoder.
        unit: each map's vector is scaled to unit length (before ``centre``), so that with ``add_last`` neither of the two
            drowns the other.
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
        backbone = ImageBackbone(
            backbone, weights=weights, freeze="all", pooling=pooling, in_channels=in_channels, stage=stage, grid=grid,
            add_last=add_last,
        )  # fmt: skip
        self._begin(backbone, chunk)
        self.centre, self.unit = centre, unit

    @classmethod
    def of(cls, backbone: Backbone, *, chunk: int | None = None) -> ImageEncoder:
        """An image encoder around a backbone that is there already (shared, not copied)."""
        encoder = cls.__new__(cls)
        encoder._begin(backbone, chunk)
        return encoder

    def _begin(self, backbone: Backbone, chunk: int | None) -> None:
        Encoder.__init__(self, backbone, chunk=chunk)
        self.centre = self.unit = False
        self.dims = Dims(
            frame=self.backbone.dim, clip=self.backbone.dim, maps={"backbone": self.backbone.dim}, num_frames=0
        )

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        if self.unit:
            features = torch.cat(
                [F.normalize(part, dim=-1) for part in features.split(list(self.backbone.map_dims), -1)], -1
            )
        if self.centre:
            features = features - masked_mean(features, mask)[:, None]
        return Features(frame=features, clip=masked_mean(features, mask), maps=dict.fromkeys(layers, features))
