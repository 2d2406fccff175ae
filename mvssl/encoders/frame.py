"""The frame-wise encoder: picture backbone -> MLP -> temporal transformer -> one embedding per frame.

Source: Chen et al., "Frame-wise Action Representations for Long Videos via Sequence Contrastive Learning", CVPR 2022,
section 3.2. Departures: layers are initialised independently (the authors' are copies of one), padding enters no
batch-norm statistic, positions may be relative times in seconds, space is pooled by the mean unless ``max`` is asked for.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mvssl.encoders._base import Encoder
from mvssl.encoders._image_backbone import ImageBackbone
from mvssl.encoders._temporal import TemporalPart
from mvssl.encoders._token_pooling import TokenPooling
from mvssl.encoders._transformer import masked_mean
from mvssl.errors import ConfigError
from mvssl.types import Dims, Features


class FrameEncoder(Encoder):
    """Encodes a view to frame-wise features.

    Args:
        backbone: any timm model.
        weights: ``none``, ``hub``, ``package`` or the path of a .safetensors or .pth file.
        freeze: ``all``, ``none``, or a list of name prefixes of the backbone's parts.
        pooling, stage, grid, add_last: which maps of the backbone, and how they are pooled over space (see
            ``_image_backbone.py``). "attention": ``num_queries`` learned queries over grid x grid places, trained with the rest
            (``_token_pooling.py``).
        num_queries, query_dim: of "attention": tokens for each frame, and their width.
        place_position: of "attention": places are told apart by where they are; for backbones without positions.
        centre: takes the mean over the clip's frames off the backbone's features: what stays the same through the clip,
            the scene, is not shown to the temporal part. Our addition.
        mlp: widths of the layers between backbone and transformer (each: dropout, linear, batch norm, ReLU).
        dim: width of the transformer.
        num_layers, num_heads, hidden, dropout: of the transformer; ``num_layers=0`` leaves it out.
        position: ``sinusoidal`` (the paper's; tells normalised time), ``relative`` (seconds), ``none``.
        reach_s: how far in time a frame attends, per layer of the transformer; None: the whole clip. Our addition.
        code_length: positions over which the sine code is stretched.
        embedding_dim: D of the frame embedding (of each member).
        members: the trained part is made this many times, each with weights of its own, which see the same features and
            are trained each by its own objective; the embeddings stand one after the other, D = members x embedding_dim.
            Evens out what a single training finds by chance. Our addition.
        chunk: pictures in the backbone at once (see ``Encoder``).
        in_channels: of the pictures (set by the modality).
    """

    def __init__(
        self, *, backbone: str = "tf_efficientnet_lite0", weights: str = "none", freeze: str | tuple[str, ...] = "none",
        pooling: Literal["mean", "max", "grid", "attention"] = "mean", num_queries: int = 5, query_dim: int = 384,
        place_position: bool = False, stage: int | None = None, grid: int = 4, add_last: bool = False,
        centre: bool = False,
        mlp: tuple[int, ...] = (512, 512), dim: int = 256, num_layers: int = 3, num_heads: int = 8, hidden: int = 1024,
        dropout: float = 0.1, position: Literal["sinusoidal", "relative", "none"] = "relative", code_length: int = 80,
        reach_s: float | None = None,
        embedding_dim: int = 128, members: int = 1, chunk: int | None = None, in_channels: int = 3,
    ):  # fmt: skip
        if pooling == "attention" and add_last:
            raise ConfigError(
                "encoder.add_last: pooling by attention is over the places of one map; set add_last to false"
            )
        if members < 1:
            raise ConfigError(f"encoder.members: at least 1, got {members}")
        network = ImageBackbone(
            backbone, weights=weights, freeze=freeze, pooling="grid" if pooling == "attention" else pooling,
            in_channels=in_channels, stage=stage, grid=grid, add_last=add_last,
        )  # fmt: skip
        super().__init__(network, chunk=chunk)
        self.position, self.centre = position, centre

        def member() -> TemporalPart:
            tokens = None
            if pooling == "attention":
                tokens = TokenPooling(
                    network.num_channels, grid**2, num_queries=num_queries, dim=query_dim, position=place_position
                )
            return TemporalPart(
                num_queries * query_dim if tokens else network.dim, tokens=tokens, mlp=mlp, dim=dim, dropout=dropout,
                embedding_dim=embedding_dim, num_layers=num_layers, num_heads=num_heads, hidden=hidden,
                position=position, code_length=code_length, reach_s=reach_s,
            )  # fmt: skip

        self.members = nn.ModuleList(member() for _ in range(members))
        self.dims = Dims(
            frame=members * embedding_dim,
            clip=members * embedding_dim,
            maps={"backbone": network.dim, "mlp": members * dim, "transformer": members * dim},
            num_frames=0,
            members=members,
        )

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        """The trained part after the backbone: (B, T, D_backbone) -> Features with frame (B, T, D) and clip (B, D)."""
        maps = {"backbone": features}
        if self.centre:
            features = features - masked_mean(features, mask)[:, None]
        embedded = [member(features, time_s, mask) for member in self.members]
        frame = torch.cat([embedding for embedding, _ in embedded], -1)
        for name in set(layers) - set(maps):
            maps[name] = torch.cat([inside[name] for _, inside in embedded], -1)
        return Features(frame=frame, clip=masked_mean(frame, mask), maps={name: maps[name] for name in layers})
