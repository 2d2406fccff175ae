"""Videos embedded by more than one machine: a Ray Data pipeline that writes the tables ``embed_folder`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mvssl.embedding.folder import embed_folder
from mvssl.embedding.model import load
from mvssl.errors import InputError, VideoError
from mvssl.types import Video


class EmbedOne:
    """A worker: holds the model, embeds a video at a time into the shared folder."""

    def __init__(self, run: str, folder: str):
        self.model, self.folder = load(run), folder

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        model = self.model
        try:
            frames, _ = embed_folder(
                model.encoder,
                [Video(**row)],
                self.folder,
                recipe=model.recipe,
                normalise=model.normalise,
                progress=False,
            )
        except VideoError as error:
            return {"video": row["id"], "num_frames": 0, "error": str(error)}
        return {"video": row["id"], "num_frames": len(frames[0].frame), "error": ""}


def embed_with_ray(
    run: str | Path, videos: Sequence[Video], folder: str | Path, *, num_workers: int = 2, gpus_each: float = 0.0
) -> list[dict[str, Any]]:
    """Embeds videos with the workers of the Ray cluster that is connected (or a local one, started by Ray).

    ``run``, the videos and ``folder`` must lie where every machine sees them under the same path. Finished tables are
    not made again.

    Args:
        run: run folder, model folder or hub id.
        num_workers: processes, each with the model and one CPU.
        gpus_each: share of a GPU per worker.

    Returns:
        video, num_frames and error ("" = none) of each video, ordered by video; read the tables with ``read_frames``.

    Raises:
        InputError: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise InputError("embedding on several machines needs Ray: pip install 'mvssl[ray]'") from None
    # a block per video: repartitioning would need processors of its own, which the workers may hold all of
    rows = ray.data.from_items([video._asdict() for video in videos], override_num_blocks=max(1, len(videos)))
    target, source = str(Path(folder).resolve()), str(Path(run).resolve() if Path(run).exists() else run)
    done = rows.map(
        EmbedOne,  # type: ignore[arg-type]
        fn_constructor_args=(source, target),
        compute=ray.data.ActorPoolStrategy(size=num_workers),
        num_cpus=1,
        num_gpus=gpus_each,
    )
    return sorted(done.take_all(), key=lambda row: row["video"])
