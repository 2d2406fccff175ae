"""Tables of backbone features to tables of embeddings: encoders that share a frozen backbone decode the videos once."""

from __future__ import annotations

import torch

from mvssl.embedding.folder import describe
from mvssl.embedding.video import temporal_rows
from mvssl.encoders import Encoder, fingerprint
from mvssl.errors import InputError
from mvssl.frames import Frames
from mvssl.series import unit_rows
from mvssl.views.recipe import Recipe


def project(
    encoder: Encoder, backbone: Frames, *, recipe: Recipe, normalise: bool = True, layers: tuple[str, ...] = ()
) -> Frames:
    """Embeds videos whose backbone features are known.

    Args:
        encoder: its backbone must be the one that made ``backbone``.
        backbone: embeddings by an ``image`` encoder with this backbone and this recipe, not normalised.
        layers: inner layers that are stored as ``layer_<name>``, as in ``embed_video``.

    Returns:
        The same frames with this encoder's embeddings; equal to embedding the videos afresh.

    Raises:
        InputError: the backbone is another one.
    """
    own = fingerprint(encoder.backbone)
    if backbone.metadata.get("backbone") != own or backbone.metadata.get("pixels") != recipe.about():
        raise InputError(
            f"features made by backbone {backbone.metadata.get('backbone')} cannot be projected by an encoder on backbone {own}; "
            "embed the videos with this encoder"
        )
    encoder.eval()
    rows = []
    for video in backbone:
        features = torch.from_numpy(video.embedding.copy())
        found, inner = temporal_rows(encoder, features.__getitem__, video.time_s, recipe.window_s, layers)
        rows.append(video._replace(embedding=unit_rows(found) if normalise else found, extra={**video.extra, **inner}))
    return Frames(rows, describe(encoder, recipe, normalise=normalise))
