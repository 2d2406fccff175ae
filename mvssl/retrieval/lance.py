"""Search in a table on disk that outgrows memory: LanceDB, approximate, appended to and deleted from by video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mvssl.embedding.tables import SUFFIX, VideoFrames, read_video_frames
from mvssl.errors import InputError

from .exact import directions
from .match import Match, suppress

_TABLE = "frames"
_TRAIN_ROWS = 10_000  # below this an index is not worth training


class LanceIndex:
    """Frames of many videos on disk, as unit vectors.

    Rows are added a video at a time; a video is there as a whole or not at all, so an interrupted run continues where it
    stopped. The approximate index (IVF-PQ) is built by ``build``; rows added later are found too, by looking through
    them, until the next ``build``.
    """

    def __init__(self, path: str | os.PathLike, *, centre: bool = True):
        try:
            import lancedb
        except ImportError:
            raise InputError("an index on disk needs LanceDB: pip install 'mvssl[search]'") from None
        self.path, self.centre = Path(path), centre
        self._store = lancedb.connect(str(self.path))
        self._table: Any = self._store.open_table(_TABLE) if _TABLE in self._store.list_tables().tables else None

    def __len__(self) -> int:
        return 0 if self._table is None else self._table.count_rows()

    def videos(self) -> set[str]:
        """Ids of the videos that are in the index."""
        if self._table is None:
            return set()
        column = self._table.search().select(["video"]).limit(len(self)).to_arrow().column("video")
        return set(column.unique().to_pylist())

    def add(self, video: VideoFrames) -> None:
        """Adds one video in one transaction; replaces it if it is there."""
        rows = directions(video, centre=self.centre)
        count = len(rows)
        table = pa.table(
            {
                "video": pa.array([video.video] * count),
                "session": pa.array([video.session] * count),
                "camera": pa.array([video.camera] * count),
                "path": pa.array([video.path] * count),
                "frame": pa.array(np.asarray(video.frame, dtype=np.int64)),
                "time_s": pa.array(np.asarray(video.time_s, dtype=np.float64)),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1]),
            }
        )
        if self._table is None:
            self._table = self._store.create_table(_TABLE, table)
        else:
            self.delete(video.video)
            self._table.add(table)

    def delete(self, video: str) -> None:
        """Takes a video out; nothing happens if it is not there."""
        if self._table is not None:
            self._table.delete(f"video = {_literal(video)}")

    def add_folder(self, folder: str | os.PathLike) -> Iterator[str]:
        """Adds the tables of a folder that are not in the index yet, one at a time; yields each id when it is in."""
        there = self.videos()
        for path in sorted(Path(folder).glob("*" + SUFFIX)):
            video, _ = read_video_frames(path)
            if video.video not in there:
                self.add(video)
                yield video.video

    def build(self, *, num_partitions: int | None = None) -> None:
        """Trains the approximate index (IVF-PQ, cosine) on the rows that are there, and packs the files."""
        if len(self) < _TRAIN_ROWS:
            return  # looking through all of so few rows is exact and fast
        width = self._table.schema.field("vector").type.list_size
        self._table.create_index(
            metric="cosine",
            vector_column_name="vector",
            num_partitions=num_partitions or max(1, int(np.sqrt(len(self)))),
            num_sub_vectors=max(1, width // 4) if width % 4 == 0 else width,
            replace=True,
        )
        self._table.optimize()

    def search(
        self,
        query: np.ndarray,
        *,
        k: int = 20,
        exclude: tuple[str, ...] = (),
        merge_within_s: float = 1.0,
        num_probes: int = 64,
        refine: int = 10,
    ) -> list[Match]:
        """The places nearest to a unit vector; as ``mvssl.retrieval.search`` for a single frame.

        Args:
            query: (D,) unit vector, centred as the index is.
            k: how many places.
            exclude: ids of videos that do not count.
            merge_within_s: of places of one video this close only the nearest counts.
            num_probes: partitions looked into; more is slower and finds more.
            refine: how many times the hits are fetched whole and ranked exactly.
        """
        if self._table is None:
            raise InputError(f"{self.path}: the index is empty; add videos first")
        fetch = 8 * k
        while True:
            step = self._table.search(np.asarray(query, dtype=np.float32)).distance_type("cosine").nprobes(num_probes)
            step = step.refine_factor(refine).limit(fetch)
            if exclude:
                step = step.where(f"video NOT IN ({', '.join(_literal(name) for name in exclude)})", prefilter=True)
            found = step.select(["video", "session", "camera", "path", "frame", "time_s", "_distance"]).to_arrow()
            names = found.column("video").to_pylist()
            number = np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.int64)
            kept = suppress(number, found.column("time_s").to_numpy(), merge_within_s=merge_within_s, k=k)
            if len(kept) == k or len(names) < fetch:
                break
            fetch *= 4
        rows = found.take(pa.array(kept)).to_pylist()
        return [
            Match(
                rank, row["video"], row["frame"], row["time_s"], row["time_s"], row["time_s"], row["_distance"],
                row["session"], row["camera"], row["path"],
            )
            for rank, row in enumerate(rows, start=1)
        ]  # fmt: skip


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
