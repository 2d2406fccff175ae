"""A picture backbone alone: each frame by itself. The zero-shot default, and the control that training has to beat."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mvssl.encoders._backbone import Backbone
from mvssl.encoders._base import FrameEncoder
from mvssl.encoders._transformer import masked_mean
from mvssl.encoders._trunk import Trunk
from mvssl.types import Dims, Features


class Image(FrameEncoder):
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
        trunk = Trunk(
            backbone, weights=weights, freeze="all", pooling=pooling, in_channels=in_channels, stage=stage, grid=grid,
            add_last=add_last,
        )  # fmt: skip
        self._begin(trunk, chunk)
        self.centre, self.unit = centre, unit

    @classmethod
    def of(cls, trunk: Backbone, *, chunk: int | None = None) -> Image:
        """An image encoder around a backbone that is there already (shared, not copied)."""
        encoder = cls.__new__(cls)
        encoder._begin(trunk, chunk)
        return encoder

    def _begin(self, trunk: Backbone, chunk: int | None) -> None:
        FrameEncoder.__init__(self, trunk, chunk=chunk)
        self.centre = self.unit = False
        self.dims = Dims(frame=self.trunk.dim, clip=self.trunk.dim, maps={"trunk": self.trunk.dim}, num_frames=0)

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        if self.unit:
            features = torch.cat(
                [F.normalize(part, dim=-1) for part in features.split(list(self.trunk.map_dims), -1)], -1
            )
        if self.centre:
            features = features - masked_mean(features, mask)[:, None]
        return Features(frame=features, clip=masked_mean(features, mask), maps=dict.fromkeys(layers, features))
