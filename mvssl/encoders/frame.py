"""The frame-wise encoder: picture backbone -> MLP -> temporal transformer -> one embedding per frame.

Source: Chen et al., "Frame-wise Action Representations for Long Videos via Sequence Contrastive Learning", CVPR 2022,
section 3.2. Departures: layers are initialised independently (the authors' are copies of one), padding enters no
batch-norm statistic, positions may be relative times in seconds, space is pooled by the mean unless ``max`` is asked for.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from mvssl.distributed import GlobalBatchNorm
from mvssl.encoders._base import FrameEncoder
from mvssl.encoders._token_pooling import TokenPooling
from mvssl.encoders._transformer import TemporalTransformer, masked_mean
from mvssl.encoders._trunk import Trunk
from mvssl.types import Dims, Features


class Frame(FrameEncoder):
    """Encodes a view to frame-wise features.

    Args:
        backbone: any timm model.
        weights: ``none``, ``hub``, ``package`` or the path of a .safetensors or .pth file.
        freeze: ``all``, ``none``, or a list of name prefixes of the backbone's parts.
        pooling, stage, grid: which map of the backbone, and how it is pooled over space (see ``_trunk.py``).
            "attention": ``num_queries`` learned queries over grid x grid places, trained with the rest
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
        embedding_dim: D of the frame embedding.
        chunk: pictures in the backbone at once (see ``FrameEncoder``).
        in_channels: of the pictures (set by the modality).
    """

    def __init__(
        self, *, backbone: str = "tf_efficientnet_lite0", weights: str = "none", freeze: str | tuple[str, ...] = "none",
        pooling: Literal["mean", "max", "grid", "attention"] = "mean", num_queries: int = 5, query_dim: int = 384,
        place_position: bool = False, stage: int | None = None, grid: int = 4, centre: bool = False,
        mlp: tuple[int, ...] = (512, 512), dim: int = 256, num_layers: int = 3, num_heads: int = 8, hidden: int = 1024,
        dropout: float = 0.1, position: Literal["sinusoidal", "relative", "none"] = "relative", code_length: int = 80,
        reach_s: float | None = None,
        embedding_dim: int = 128, chunk: int | None = None, in_channels: int = 3,
    ):  # fmt: skip
        trunk = Trunk(
            backbone, weights=weights, freeze=freeze, pooling="grid" if pooling == "attention" else pooling,
            in_channels=in_channels, stage=stage, grid=grid,
        )  # fmt: skip
        super().__init__(trunk, chunk=chunk)
        self.position, self.centre = position, centre
        self.tokens = None
        if pooling == "attention":
            self.tokens = TokenPooling(
                trunk.num_channels, grid**2, num_queries=num_queries, dim=query_dim, position=place_position
            )
        widths = (num_queries * query_dim if self.tokens else trunk.dim, *mlp)
        self.mlp = nn.ModuleList(_Block(a, b, dropout) for a, b in zip(widths, widths[1:]))
        self.enter = nn.Linear(widths[-1], dim)
        self.transformer = TemporalTransformer(
            dim, num_layers=num_layers, num_heads=num_heads, hidden=hidden, dropout=dropout, position=position,
            code_length=code_length, reach_s=reach_s,
        )  # fmt: skip
        self.leave = nn.Linear(dim, embedding_dim)
        self.dims = Dims(
            frame=embedding_dim,
            clip=embedding_dim,
            maps={"trunk": self.trunk.dim, "mlp": dim, "transformer": dim},
            num_frames=0,
        )

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        """The trained part after the backbone: (B, T, D_trunk) -> Features with frame (B, T, D) and clip (B, D)."""
        maps = {"trunk": features}
        if self.centre:
            features = features - masked_mean(features, mask)[:, None]
        x = features.to(self.enter.weight.dtype)
        if self.tokens is not None:
            x = self.tokens(x)
        for block in self.mlp:
            x = block(x, mask)
        maps["mlp"] = x = self.enter(x)
        maps["transformer"] = x = self.transformer(x, time_s, mask)
        frame = self.leave(x)
        return Features(frame=frame, clip=masked_mean(frame, mask), maps={name: maps[name] for name in layers})


class _Block(nn.Module):
    def __init__(self, width_in: int, width_out: int, dropout: float):
        super().__init__()
        self.dropout, self.linear, self.norm = (
            nn.Dropout(dropout),
            nn.Linear(width_in, width_out),
            GlobalBatchNorm(width_out),
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.norm(self.linear(self.dropout(x)), mask).relu()
