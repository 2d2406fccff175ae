"""Tables of embedded frames: Parquet, one file per video, written under a temporary name and renamed.

Columns: video, session, camera, frame, time_s, embedding (fixed-size list of float32), and any number of further
fixed-size lists (``embedding_<view>``, ``layer_<name>``; float64 where they hold times). The schema
metadata holds what made the rows (model hash, fps, pixel recipe, ...) and what is known of the video (group,
split, label, duration_s).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl import files, older_files
from mvssl.brief import brief, brief_repr, cut
from mvssl.errors import InputError
from mvssl.frame_columns import check_columns, read_about
from mvssl.rows import clean
from mvssl.series import unit_rows

SUFFIX = ".frames.parquet"


class VideoFrames(NamedTuple):
    """The embedded frames of one video, in order of time."""

    video: str  # id in the index
    frame: np.ndarray  # (T,) int64: frame number in the file
    time_s: np.ndarray  # (T,) float64: presentation time
    embedding: np.ndarray  # (T, D) float32
    session: str = ""
    camera: str = ""
    group: str = ""
    split: str = ""
    label: str = ""
    path: str = ""  # where the video was
    start_s: float = 0.0
    end_s: float = 0.0
    offset_s: float = 0.0
    first_s: float = 0.0  # of the file's first frame on the file's clock; time_s - first_s is what a player shows
    extra: dict[str, np.ndarray] = {}  # further (T, D') columns by name

    def __repr__(self) -> str:
        return brief_repr(self)


class Frames(Sequence[VideoFrames]):
    """Embedded videos made by one model, ordered by video id, and the metadata they share.

    Attributes:
        metadata: what made the embeddings: ``model`` (hash), ``fps``, ``views``, ``pixels``, ...
    """

    def __init__(self, videos: Sequence[VideoFrames], metadata: dict[str, Any] | None = None):
        self.videos = sorted(videos, key=lambda video: video.video)
        self.metadata = dict(metadata or {})
        self._row = {video.video: i for i, video in enumerate(self.videos)}
        if len(self._row) != len(self.videos):
            raise InputError("a table of frames holds the same video id twice")

    def __repr__(self) -> str:
        rows = [video.embedding for video in self.videos]
        shape = f", {sum(map(len, rows))} frames of {rows[0].shape[1]} features" if rows else ""
        return cut(f"Frames({len(rows)} videos{shape}, metadata={brief(self.metadata)})")

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key):  # int, slice or video id
        if isinstance(key, str):
            if key not in self._row:
                raise InputError(
                    f"no video {key!r} in the table of frames; it holds {len(self)} videos, e.g. {self.ids[:3]}"
                )
            return self.videos[self._row[key]]
        return self.videos[key]

    def __iter__(self) -> Iterator[VideoFrames]:
        return iter(self.videos)

    def find(self, name: str) -> VideoFrames:
        """The video of that id, or the only one whose id or path ends in it."""
        if name in self._row:
            return self.videos[self._row[name]]
        tail = "/" + name.removeprefix("./")
        return self[the_only([v.video for v in self if ends_so(v.video, v.path, tail)], name, self.ids)]

    @property
    def ids(self) -> list[str]:
        return [video.video for video in self.videos]

    @property
    def embeddings(self) -> list[np.ndarray]:
        return [video.embedding for video in self.videos]

    def where(self, **conditions: str) -> Frames:
        """The videos whose fields equal the conditions, e.g. ``frames.where(split="val")``."""
        kept = [v for v in self.videos if all(getattr(v, name) == value for name, value in conditions.items())]
        return Frames(kept, self.metadata)

    def with_embeddings(self, embeddings: Sequence[np.ndarray], **metadata: Any) -> Frames:
        """The same frames with other embeddings (a control, a centred or projected version)."""
        videos = [video._replace(embedding=new) for video, new in zip(self.videos, embeddings, strict=True)]
        return Frames(videos, {**self.metadata, **metadata})

    def centred(self) -> Frames:
        """Each video's mean over its frames subtracted: removes scene and person, keeps what changes."""
        return self.with_embeddings([v.embedding - v.embedding.mean(0) for v in self.videos], centred=True)

    def unit(self, widths: Sequence[int] = ()) -> Frames:
        """Each row scaled to unit length (rows of zeros stay).

        Args:
            widths: of parts that stand one after the other (maps of a backbone) and are scaled each by itself.
        """
        ends = np.cumsum(widths)[:-1]

        def scaled(rows: np.ndarray) -> np.ndarray:
            return np.concatenate([unit_rows(part) for part in np.split(rows, ends, axis=1)], axis=1)

        return self.with_embeddings([scaled(video.embedding) for video in self.videos], normalised=True)


def ends_so(video: str, path: str, tail: str) -> bool:
    """Whether an id or a path ends in whole parts, as ``/clip.mp4``."""
    return any(("/" + name).endswith(tail) for name in (video, path) if name)


def the_only(found: Sequence[str], name: str, ids: Sequence[str]) -> str:
    """The one id that was found for a shortened name.

    Raises:
        InputError: none or several.
    """
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{name!r} may be any of {list(found[:5])}; give more of the path")
    raise InputError(f"no video {name!r} in the table of frames; it holds {len(ids)} videos, e.g. {list(ids[:3])}")


def file_name(video: str) -> str:
    """File of a video's table: its id made safe for any file system, shortened where it is long."""
    return short_name(quote(video, safe="", errors="surrogateescape"), of=video) + SUFFIX


def short_name(name: str, *, of: str = "", most: int = 120) -> str:
    """A file name of at most ``most`` bytes: the name itself, or a readable beginning and a hash of ``of``, the whole."""
    if len(os.fsencode(name)) <= most:
        return name
    readable = re.sub(r"[^\w.-]+", "_", clean(of or name))
    kept = readable.encode()[: most - 17].decode(errors="ignore")  # no half letter at the end
    return f"{kept}~{hashlib.sha256((of or name).encode(errors='surrogateescape')).hexdigest()[:16]}"


def write_frames(folder: str | Path, video: VideoFrames, metadata: dict[str, Any]) -> Path:
    """Writes one video's table; the file appears whole or not at all."""
    num_frames = len(video.frame)

    def vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
        kind = np.float64 if rows.dtype == np.float64 else np.float32  # times stay whole
        flat = pa.array(np.ascontiguousarray(rows, dtype=kind).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])

    columns = {
        "video": pa.array([video.video] * num_frames),
        "session": pa.array([video.session] * num_frames),
        "camera": pa.array([video.camera] * num_frames),
        "frame": pa.array(np.asarray(video.frame, dtype=np.int64)),
        "time_s": pa.array(np.asarray(video.time_s, dtype=np.float64)),
        "embedding": vectors(video.embedding.astype(np.float32, copy=False)),
        **{name: vectors(rows) for name, rows in video.extra.items()},
    }
    about = {k: getattr(video, k) for k in ("video", "session", "camera", "group", "split", "label", "path")}
    about |= {k: getattr(video, k) for k in ("start_s", "end_s", "offset_s", "first_s")}
    table = pa.table(columns).replace_schema_metadata({"mvssl": json.dumps(metadata), "video": json.dumps(about)})
    target = Path(folder) / file_name(video.video)
    with files.whole_file(target) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return target


class DamagedTable(InputError):
    """A table of embedded frames that is cut or damaged."""


def read_id(path: str | Path) -> str:
    """The video that a table is of, without reading its rows."""
    try:
        stored = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a table of embedded frames ({error}); embed the video again") from None
    return str(read_about(path, stored, VideoFrames._fields)[0]["video"])


def read_video_frames(path: str | Path) -> tuple[VideoFrames, dict[str, Any]]:
    """One video's table and its metadata.

    Raises:
        InputError: no such file, no Parquet, or a table that lacks what ``check_columns`` asks for.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())[:200]
        raise DamagedTable(f"{path}: not a table of embedded frames ({words}); embed the video again") from None
    about, metadata = read_about(path, table.schema.metadata or {}, VideoFrames._fields)
    check_columns(path, table)

    def vectors(name: str) -> np.ndarray:
        column = table.column(name).combine_chunks()
        width = table.schema.field(name).type.list_size
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)

    extra = [f.name for f in table.schema if pa.types.is_fixed_size_list(f.type) and f.name != "embedding"]
    video = VideoFrames(
        frame=table.column("frame").to_numpy(),
        time_s=table.column("time_s").to_numpy(),
        embedding=vectors("embedding"),
        extra={older_files.layer(name): vectors(name) for name in extra},
        **about,
    )
    return video, metadata


def read_tables(
    folder: str | os.PathLike[str], *, known: Container[str] = (), bad: list[InputError] | None = None
) -> Iterator[tuple[VideoFrames, dict[str, Any]]]:
    """The tables of a folder one by one, all made by one model, each with its metadata.

    Args:
        known: ids of videos that are passed over unread.
        bad: takes the errors of tables that cannot be read, in place of raising the first.

    Raises:
        InputError: tables of different models in one folder.
    """
    first: dict[str, Any] | None = None
    for path in sorted(Path(folder).glob("*" + SUFFIX)):
        try:
            if known and read_id(path) in known:
                continue
            video, made_by = read_video_frames(path)
        except InputError as error:
            if bad is None:
                raise
            bad.append(error)
            continue
        first = made_by if first is None else first
        if made_by.get("model") != first.get("model"):
            raise InputError(
                f"{path}: made by model {made_by.get('model')}, the others by {first.get('model')}; "
                "tables of different models are not mixed: embed into a new folder"
            )
        yield video, made_by


def read_frames(folder: str | Path, *, bad: list[InputError] | None = None) -> Frames:
    """All tables of a folder.

    Args:
        bad: takes the errors of tables that cannot be read, in place of raising the first.

    Raises:
        InputError: no tables, or tables of different models in one folder.
    """
    read = list(read_tables(folder, bad=bad))
    if bad and not read:
        raise bad[0]
    if not read:
        raise InputError(f"{folder}: no tables of embedded frames (*{SUFFIX}); make them with `mvssl embed`")
    return Frames([video for video, _ in read], read[0][1])
