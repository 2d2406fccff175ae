"""Space pooled by learned queries: each looks for the places of a picture's map that matter to it.

Source: MV-Former (arXiv 2308.12447), learnable spatial token pooling: static queries, one head, by itself for each frame.
Departures: the tokens of a frame stand beside one another in one vector, so that the temporal transformer sees a frame, not
a token, at each step (theirs attends over the tokens of all frames jointly); queries that depend on the picture are not
offered; places may be told their position, which the tokens of a ViT carry already and those of a convolution do not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TokenPooling(nn.Module):
    """(B, T, P * C), the places of each frame one after the other -> (B, T, num_queries * dim).

    It is part of what is trained: the backbone hands over its places, so it can be frozen and its features cached.

    Args:
        num_channels: C.
        num_places: P.
        num_queries: tokens for each frame.
        dim: width of a token.
        position: whether a learned code of its place is added to each place's key.
    """

    def __init__(self, num_channels: int, num_places: int, *, num_queries: int, dim: int, position: bool):
        super().__init__()
        self.num_channels, self.num_places = num_channels, num_places
        self.queries = nn.Parameter(torch.empty(num_queries, dim))
        self.key, self.value = nn.Linear(num_channels, dim), nn.Linear(num_channels, dim)
        self.place = nn.Parameter(torch.zeros(num_places, dim)) if position else None
        for weight in (self.queries, self.key.weight, self.value.weight):
            nn.init.kaiming_normal_(weight, nonlinearity="linear")

    def forward(self, features: Tensor) -> Tensor:
        places = features.unflatten(-1, (self.num_places, self.num_channels))
        key, value = self.key(places), self.value(places)
        if self.place is not None:
            key = key + self.place
        queries = self.queries.expand(*key.shape[:2], -1, -1)
        return F.scaled_dot_product_attention(queries, key, value).flatten(2)
