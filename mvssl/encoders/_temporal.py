"""What is trained behind a frozen backbone: MLP -> temporal transformer -> one embedding per frame."""

from __future__ import annotations

from torch import Tensor, nn

from mvssl.distributed import GlobalBatchNorm
from mvssl.encoders._token_pooling import TokenPooling
from mvssl.encoders._transformer import TemporalTransformer


class TemporalPart(nn.Module):
    """Backbone features (B, T, D_backbone), times (B, T), mask (B, T) -> embeddings (B, T, D) and the layers before them.

    Args:
        dim_in: D_backbone.
        tokens: pools places by learned queries first; None: the features are one vector already.
        mlp: widths of the layers before the transformer (each: dropout, linear, batch norm, ReLU).
        dim, **transformer: of the transformer (see ``_transformer.py``).
        dropout: of MLP and transformer.
        embedding_dim: D.
    """

    def __init__(
        self, dim_in: int, *, tokens: TokenPooling | None, mlp: tuple[int, ...], dim: int, dropout: float,
        embedding_dim: int, **transformer,
    ):  # fmt: skip
        super().__init__()
        self.tokens = tokens
        widths = (dim_in, *mlp)
        self.mlp = nn.ModuleList(_Block(a, b, dropout) for a, b in zip(widths, widths[1:]))
        self.enter = nn.Linear(widths[-1], dim)
        self.transformer = TemporalTransformer(dim, dropout=dropout, **transformer)
        self.leave = nn.Linear(dim, embedding_dim)

    def forward(self, features: Tensor, time_s: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x = features.to(self.enter.weight.dtype)
        if self.tokens is not None:
            x = self.tokens(x)
        for block in self.mlp:
            x = block(x, mask)
        entered = self.enter(x)
        left = self.transformer(entered, time_s, mask)
        return self.leave(left), {"mlp": entered, "transformer": left}


class _Block(nn.Module):
    def __init__(self, width_in: int, width_out: int, dropout: float):
        super().__init__()
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(width_in, width_out)
        self.norm = GlobalBatchNorm(width_out)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.norm(self.linear(self.dropout(x)), mask).relu()
