"""One row per frame, with its time; of the videos as they are, or of cut and warped versions with known times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mvssl import files
from mvssl.api._models import model_for
from mvssl.embedding import Model, embed_folder
from mvssl.errors import InputError, VideoError
from mvssl.evaluation.warp import WARPS, Warp, version_of
from mvssl.frames import Frames
from mvssl.series import median_step
from mvssl.types import Video
from mvssl.video import read_videos
from mvssl.video.layouts import complete, needs_probe, sniff


def embed(
    run: str | Path | Model | None,
    videos: str | Path | Sequence[Video],
    output: str | Path,
    *,
    modality: str | None = None,
    shard: tuple[int, int] = (0, 1),
    skip_bad: bool | None = None,
    bad: list[InputError] | None = None,
    layers: tuple[str, ...] = (),
    cut_seed: int | None = None,
    warps: Sequence[Warp] = WARPS,
    progress: bool = True,
) -> Frames:
    """Embeds every video into ``output``, one Parquet file each; finished ones are not done again.

    Args:
        run: run folder, model or None (zero-shot).
        videos: folder, table, list, or rows.
        modality: which encoder, where the run has several (``mvssl.load``); default: that of rgb.
        shard: (i, n): only every n-th video, from the i-th on; shards may write into one folder.
        skip_bad: set unreadable videos aside (they are listed in ``output/skipped.txt``) in place of stopping. None: where
            ``videos`` is a folder of files, which may hold anything; not where they were named one by one.
        bad: takes their errors.
        layers: names of inner layers stored beside the embedding, as columns ``layer_<name>``.
        cut_seed: not None: in place of each video, versions "ID#none", "ID#pause", ... of it, each cut independently at
            both ends (0 to 40 %) and warped, and embedded as a video of its own: the encoder sees only the cut.
            ``time_s`` is then the version's own clock, the column ``source_time_s`` the instant of the source that each
            row shows, ``session`` that of the source (its id, where it has none): what ``warp_error``, ``offsets`` and
            ``cross_view`` read.
        warps: which versions.

    Raises:
        InputError: an unknown layer or warp, a video too short to be cut; see ``embed_folder`` for the others.
    """
    model = model_for(run, modality)
    if skip_bad is None:
        skip_bad = isinstance(videos, str | Path) and Path(videos).is_dir() and sniff(Path(videos)) == "folder"
    rows = read_videos(videos, probe=not skip_bad) if isinstance(videos, str | Path) else list(videos)
    rows, aside = _readable(rows) if skip_bad else (rows, [])
    if not rows:
        raise InputError(f"{videos}: no readable video among {len(aside)}; first: {aside[0]}")
    unknown = sorted(set(layers) - set(model.encoder.dims.maps))
    if unknown:
        raise InputError(f"no layer {unknown[0]!r} in this encoder; it has: {', '.join(model.encoder.dims.maps)}")
    versions: dict[str, Any] = {}
    if cut_seed is not None:
        rows, versions = _versions(rows, cut_seed, warps)
    frames, failed = embed_folder(
        model.encoder,
        rows,
        output,
        recipe=model.recipe,
        normalise=model.normalise,
        shard=shard,
        layers=layers,
        policy="skip" if skip_bad else "error",
        progress=progress,
        **versions,
    )
    if aside := [*aside, *failed]:
        files.write_text(Path(output) / "skipped.txt", "".join(f"{error}\n" for error in aside))
    if bad is not None:
        bad += aside
    return frames


def _readable(rows: Sequence[Video]) -> tuple[list[Video], list[VideoError]]:
    """The rows completed by what their files say, and the errors of those that cannot be opened."""
    found: list[Video] = []
    bad: list[VideoError] = []
    for row in rows:
        try:
            found.append(complete(row) if needs_probe(row) else row)
        except VideoError as error:
            bad.append(error)
    return found, bad


def _versions(rows: Sequence[Video], seed: int, warps: Sequence[Warp]) -> tuple[list[Video], dict[str, Any]]:
    """A row per version, and what ``embed_folder`` needs to show it."""
    plans: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    versions = []
    for row in rows:
        for warp in warps:
            version = row._replace(id=f"{row.id}#{warp}", session=row.session or row.id)
            plans[version.id] = version_of(row.id, warp, seed=seed)
            versions.append(version)

    def shown(video: Video, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source_s = plans[video.id](time_s)
        return source_s, np.arange(len(source_s)) * median_step(time_s)

    return versions, {"warp": shown, "made_by": f"cut{seed}"}
