"""Videos aligned to a reference: a video to watch, pictures to judge by, a table to compute with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mvssl.alignment import TimeMap, write_time_maps
from mvssl.alignment import align as align_pair
from mvssl.api._models import model_for
from mvssl.embedding import Model, VideoFrames
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.reporting.matrix import write_matrix
from mvssl.reporting.synchronised import write_synchronised
from mvssl.video import read_videos


class Alignment(NamedTuple):
    """What ``align`` made."""

    maps: list[TimeMap]  # one per query
    video: Path  # synchronised.mp4
    matrices: list[Path]  # one picture per query
    table: Path  # align.parquet


def align(
    reference: str | Path,
    queries: Sequence[str | Path],
    output: str | Path,
    *,
    run: str | Path | Model | None = None,
    segments: Segments | None = None,
    pins: Sequence[tuple[float, float]] = (),
) -> Alignment:
    """Aligns each query to the reference and writes synchronised.mp4, matrix pictures and align.parquet.

    Args:
        reference: a video file.
        queries: video files or folders of them.
        run: a trained run; None: zero-shot (ImageNet features centred per video).
        segments: labels to show in the pictures, by video id.
        pins: (reference, query) seconds that belong together; for one query.
    """
    model = run if isinstance(run, Model) else model_for(run)
    paths = [found for query in queries for found in _videos(Path(query))]
    if not paths:
        raise InputError("align: give at least one query video beside the reference")
    if pins and len(paths) > 1:
        raise InputError(f"align: pins hold for one query, but {len(paths)} are given")
    reference = Path(reference)
    ref = _frames(model, reference)
    found = [_frames(model, path) for path in paths]
    maps = [align_pair(ref, query, pins=tuple(pins)) for query in found]
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    matrices = [
        write_matrix(
            output / f"matrix-{i:02d}-{path.stem}.png",
            ref._replace(video=reference.name),
            query._replace(video=path.name),
            time_map,
            segments=segments,
        )
        for i, (path, query, time_map) in enumerate(zip(paths, found, maps), start=1)
    ]
    video = write_synchronised(output / "synchronised.mp4", reference, list(zip(paths, maps)), segments=segments)
    return Alignment(maps, Path(video), matrices, write_time_maps(output / "align.parquet", maps))


def _videos(path: Path) -> list[Path]:
    return [Path(video.path) for video in read_videos(path)] if path.is_dir() else [path]


def _frames(model: Model, path: Path) -> VideoFrames:
    return model.frames(path)._replace(video=str(path), path=str(path))
