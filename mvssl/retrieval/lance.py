"""Search in a table on disk that outgrows memory: LanceDB, approximate, appended to and deleted from by video."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock

from mvssl import files
from mvssl.errors import InputError
from mvssl.frames import VideoFrames, ends_so, read_tables, the_only

from .exact import directions
from .match import FIELDS, Match, Selection

_TABLE = "frames"
_TRAIN_ROWS = 10_000  # below this an approximate index is not worth training
_BATCH_ROWS = 50_000  # of one transaction
_ATTEMPTS = 20  # of a transaction, while others write
_VIDEO_COLUMNS = ("video", *FIELDS, "path")


class LanceIndex:
    """Frames of many videos on disk, or in object storage, as unit vectors.

    Videos are added in transactions of many; a video is there as a whole or not at all, so an interrupted run continues
    where it stopped. ``build`` makes the approximate index (IVF-SQ: partitions, one byte a value); rows added later are
    found too, by looking through them, until the next ``build``, which only adds them.

    Args:
        uri: folder, or ``s3://...`` and the like.
        centre: subtract each video's mean; an index that is there keeps what it was made with.
        num_probes: partitions looked into; more is slower and finds more.
        refine: how many times the hits are fetched whole and ranked exactly.
    """

    def __init__(self, uri: str | os.PathLike, *, centre: bool = True, num_probes: int = 64, refine: int = 2):
        try:
            import lancedb
        except ImportError:
            raise InputError("an index on disk needs LanceDB: pip install 'mvssl[search]'") from None
        self.uri, self.centre = str(uri), centre
        self.num_probes, self.refine = num_probes, refine
        self.metadata: dict[str, Any] = {}
        self._store = lancedb.connect(self.uri)
        self._table: Any = None
        self._open()

    def __len__(self) -> int:
        return 0 if self._table is None else self._table.count_rows()

    def ids(self) -> set[str]:
        """Ids of the videos that are in the index."""
        if self._table is None:
            return set()
        videos: set[str] = set()
        for batch in self._table.search().select(["video"]).limit(None).to_batches():
            videos |= set(batch.column("video").unique().to_pylist())
        return videos

    def add(self, videos: Sequence[VideoFrames], metadata: dict[str, Any] | None = None) -> None:
        """Adds videos in one transaction; those that are there are replaced.

        Args:
            metadata: what made them; the first one counts, and later ones must be of the same model.
        """
        if not videos:
            return
        metadata = metadata or {}
        if self._table is None:
            with self._alone():
                if self._created(videos, metadata):
                    return
        if metadata.get("model") != self.metadata.get("model"):
            raise InputError(
                f"{self.uri}: an index of model {self.metadata.get('model')}; frames of model {metadata.get('model')} "
                "go into a new one"
            )
        rows = pa.concat_tables([self._rows(video) for video in videos])
        replaced = f"video IN ({_literals(video.video for video in videos)})"
        merge = self._table.merge_insert(["video", "frame", "time_s"])
        merge = (
            merge.when_matched_update_all().when_not_matched_insert_all().when_not_matched_by_source_delete(replaced)
        )
        self._settled(lambda: merge.execute(rows))

    def delete(self, ids: Sequence[str]) -> None:
        """Takes videos out; nothing happens where one is not there."""
        if self._table is not None and ids:
            self._settled(lambda: self._table.delete(f"video IN ({_literals(ids)})"))

    def add_folder(self, folder: str | os.PathLike, *, bad: list[InputError] | None = None) -> Iterator[str]:
        """Adds the tables of a folder that are not in the index yet; yields each id when it is in.

        Args:
            bad: takes the errors of tables that cannot be read, in place of raising the first.
        """
        waiting: list[VideoFrames] = []
        made_by: dict[str, Any] = {}
        for video, made_by in read_tables(folder, known=self.ids(), bad=bad):
            waiting.append(video)
            if sum(len(one.time_s) for one in waiting) >= _BATCH_ROWS:
                self.add(waiting, made_by)
                yield from (one.video for one in waiting)
                waiting = []
        self.add(waiting, made_by)
        yield from (one.video for one in waiting)

    def build(self, *, num_partitions: int | None = None, retrain: bool = False) -> None:
        """Trains the approximate index (IVF-SQ, cosine) where there is none, else adds new rows to it; packs files.

        States of the table older than a minute are deleted, which may be half of its disk: what has one open must open it
        anew.
        """
        if len(self) < _TRAIN_ROWS:
            return  # looking through all of so few rows is exact and fast
        from lancedb.index import BTree, IvfSq

        known = {column for index in self._table.list_indices() for column in index.columns}
        if retrain or "vector" not in known:
            config = IvfSq(
                distance_type="cosine",
                num_partitions=num_partitions or max(1, int(np.sqrt(len(self)))),
                max_iterations=15,  # of k-means; more changes recall by less than its noise
                sample_rate=64,  # training rows per partition
            )
            self._table.create_index("vector", config=config)
        if "video" not in known:
            self._table.create_index("video", config=BTree())
        self._settled(lambda: self._table.optimize(cleanup_older_than=timedelta(minutes=1)))

    def find(self, name: str) -> VideoFrames:
        """The video of that id or ending, its embedding the unit rows that are searched."""
        known = self.read([name])
        if known:
            return known[0]
        tail = "/" + name.removeprefix("./")
        text = _literals([tail[1:]])
        where = f"ends_with(video, {text}) OR ends_with(path, {text})"
        rows = self._named().where(where).select(["video", "path"]).limit(None).to_arrow().to_pylist()
        found = {row["video"] for row in rows if ends_so(row["video"], row["path"], tail)}
        return self.read([the_only(sorted(found), name, sorted(self.ids()))])[0]

    def read(self, ids: Sequence[str]) -> list[VideoFrames]:
        """Videos by id, as ``find`` gives them; those that are not there are left out."""
        if not ids:
            return []
        table = self._named().where(f"video IN ({_literals(ids)})").limit(None).to_arrow()
        if not len(table):
            return []
        names = np.asarray(table.column("video"))
        rows = table.column("vector").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        frame, time_s = table.column("frame").to_numpy(), table.column("time_s").to_numpy()
        videos = []
        for name in dict.fromkeys(names.tolist()):
            own = np.flatnonzero(names == name)
            own = own[np.argsort(time_s[own], kind="stable")]
            columns = [*_VIDEO_COLUMNS, *(["first_s"] if self._knows_first() else [])]
            about = {column: table.column(column)[int(own[0])].as_py() for column in columns}
            videos.append(VideoFrames(frame=frame[own], time_s=time_s[own], embedding=rows[own], **about))
        return sorted(videos, key=lambda video: list(ids).index(video.video))

    def nearest(self, direction: np.ndarray, num_hits: int, selection: Selection) -> list[Match]:
        """The (approximately) nearest frames of the videos that count; as ``ExactIndex.nearest``."""
        query = self._named(np.asarray(direction, dtype=np.float32)).distance_type("cosine")
        query = query.nprobes(self.num_probes).refine_factor(self.refine).limit(num_hits)
        if condition := _condition(selection):
            query = query.where(condition, prefilter=True)
        columns = ["video", "frame", "time_s", "_distance", "session", "camera", "path"]
        columns += ["first_s"] if self._knows_first() else []
        found = query.select(columns).to_arrow()
        return [
            Match(0, video, frame, time_s, time_s, time_s, max(0.0, distance), *rest)
            for video, frame, time_s, distance, *rest in zip(*(found.column(name).to_pylist() for name in columns))
        ]

    def _open(self) -> bool:
        """Opens the table; False where there is none, or one whose first rows another process is still writing."""
        try:
            if _TABLE not in self._store.list_tables().tables:
                return False
            self._table = self._store.open_table(_TABLE)
        except ValueError as error:
            if "was not found" not in str(error):
                raise
            return False
        about = json.loads((self._table.schema.metadata or {}).get(b"mvssl", b"null"))
        if about is None:
            raise InputError(f"{self.uri}: a LanceDB table, but not one of mvssl; make it with mvssl index")
        self.metadata, self.centre = about["metadata"], about["centre"]
        return True

    def _created(self, videos: Sequence[VideoFrames], metadata: dict[str, Any]) -> bool:
        """Makes the table of these videos; False where another process has made one in the meantime: it is opened."""
        about = json.dumps({"metadata": metadata, "centre": self.centre})
        rows = pa.concat_tables([self._rows(video) for video in videos]).replace_schema_metadata({"mvssl": about})
        for attempt in range(_ATTEMPTS):
            try:
                self._table = self._store.create_table(_TABLE, rows)
                self.metadata = metadata
                return True
            except (OSError, RuntimeError, ValueError):
                if self._open():
                    return False
                if attempt == _ATTEMPTS - 1 or _TABLE not in self._store.list_tables().tables:
                    raise
                _wait(attempt)
        return False

    def _settled(self, work: Callable[[], Any]) -> None:
        """Does a piece of work, again where another process changed the table at the same time."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._alone():
                    self._table.checkout_latest()
                    work()
                return
            except (OSError, RuntimeError, ValueError) as error:  # LanceDB has no class of its own for it
                if "conflict" not in str(error).lower() or attempt == _ATTEMPTS - 1:
                    raise
                _wait(attempt)

    def _alone(self) -> AbstractContextManager[Any]:
        """Keeps other writers on this disk waiting: LanceDB lets two of them insert the same new video, and then it is there
        twice. In object storage there is no such lock: one writer for a video."""
        if "://" in self.uri:
            return nullcontext()
        files.make_folder(self.uri)
        return FileLock(Path(self.uri) / ".writing")

    def _named(self, *query: np.ndarray) -> Any:
        if self._table is None:
            raise InputError(f"{self.uri}: the index is empty; add videos first")
        return self._table.search(*query)

    def _knows_first(self) -> bool:
        """Whether the rows say when the file's first frame is shown; those of older indexes are taken to be at 0."""
        return "first_s" in self._table.schema.names

    def _rows(self, video: VideoFrames) -> pa.Table:
        rows = directions(video, centre=self.centre)
        columns = {name: pa.array([getattr(video, name)] * len(rows), pa.string()) for name in _VIDEO_COLUMNS}
        columns["frame"] = pa.array(np.asarray(video.frame, dtype=np.int64))
        columns["time_s"] = pa.array(np.asarray(video.time_s, dtype=np.float64))
        if self._table is None or self._knows_first():
            columns["first_s"] = pa.array([float(video.first_s)] * len(rows), pa.float64())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        return pa.table(columns)


def _wait(attempt: int) -> None:
    """A random time, so that two writers do not meet again; longer each time."""
    time.sleep(random.uniform(0.0, 0.05 * 2 ** min(attempt, 5)))


def _condition(selection: Selection) -> str:
    parts = [f"{name} = {_literals([value])}" for name, value in selection.where]
    if selection.without_videos:
        parts.append(f"video NOT IN ({_literals(sorted(selection.without_videos))})")
    if selection.without_sessions:
        parts.append(f"session NOT IN ({_literals(sorted(selection.without_sessions))})")
    return " AND ".join(parts)


def _literals(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)
