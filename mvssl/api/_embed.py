"""One row per frame, with its time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl.api._models import model_for
from mvssl.embedding import Frames, Model, embed_folder
from mvssl.types import Video
from mvssl.video import read_videos


def embed(
    run: str | Path | Model | None,
    videos: str | Path | Sequence[Video],
    output: str | Path,
    *,
    shard: tuple[int, int] = (0, 1),
    skip_bad: bool = False,
    progress: bool = True,
) -> Frames:
    """Embeds every video into ``output``, one Parquet file each; finished ones are not done again.

    Args:
        run: run folder, model or None (zero-shot).
        videos: folder, table, list, or rows.
        shard: (i, n): only every n-th video, from the i-th on; shards may write into one folder.
        skip_bad: set unreadable videos aside (they are listed in ``output/skipped.txt``) in place of stopping.
    """
    model = run if isinstance(run, Model) else model_for(run)
    rows = read_videos(videos) if isinstance(videos, str | Path) else list(videos)
    frames, bad = embed_folder(
        model.encoder,
        rows,
        output,
        recipe=model.recipe,
        normalise=model.normalise,
        shard=shard,
        policy="skip" if skip_bad else "error",
        progress=progress,
    )
    if bad:
        (Path(output) / "skipped.txt").write_text("".join(f"{error}\n" for error in bad))
    return frames
