"""The layers that were stored beside the embedding, each as a table of its own."""

from __future__ import annotations

from mvssl.errors import InputError
from mvssl.frames import Frames

PREFIX = "layer_"
LAST = "embedding"


def layer_tables(frames: Frames) -> dict[str, Frames]:
    """Tables whose embedding is one layer, in the order they were stored (that of the network), the embedding last.

    Raises:
        InputError: the videos do not hold the same layers.
    """
    columns = [[name for name in video.extra if name.startswith(PREFIX)] for video in frames]
    for video, own in zip(frames, columns):
        if own != columns[0]:
            raise InputError(
                f"{video.video}: layers {own}, the first video has {columns[0]}; embed all with one recipe"
            )
    names = columns[0] if columns else []
    tables = {name.removeprefix(PREFIX): frames.with_embeddings([v.extra[name] for v in frames]) for name in names}
    return {**tables, LAST: frames}
