"""A folder of tables made searchable on disk, and the index that a search of the folder uses."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from tqdm import tqdm

from mvssl.embedding import read_frames
from mvssl.embedding.tables import SUFFIX, read_id
from mvssl.errors import InputError
from mvssl.retrieval import ExactIndex
from mvssl.retrieval.lance import LanceIndex

NAME = "index.lance"
EXACT_ROWS = 300_000  # frames up to which a query by comparing with all takes a tenth of a second on two cores


class Indexed(NamedTuple):
    """What ``index`` did."""

    path: Path | str
    num_videos: int
    num_frames: int
    added: list[str]
    deleted: list[str]


def index(
    frames: str | Path, *, output: str | Path | None = None, retrain: bool = False, progress: bool = True
) -> Indexed:
    """Brings the index on disk to what the folder holds: adds new tables, deletes what is gone, trains where needed.

    Nothing is done twice: a run that was killed continues, and new videos do not cost a rebuild.

    Args:
        frames: folder of tables (``mvssl embed``).
        output: where the index is, a folder or ``s3://...``; default: ``index.lance`` inside ``frames``.
        retrain: train the approximate index again, after the collection has changed much.
    """
    folder = Path(frames)
    paths = _tables(folder)
    wanted = {read_id(path) for path in paths}
    lance = LanceIndex(folder / NAME if output is None else output)
    gone = sorted(lance.ids() - wanted)
    lance.delete(gone)
    missing = len(wanted) - len(lance.ids())
    added = list(tqdm(lance.add_folder(folder), "index", missing, unit="video", disable=None if progress else True))
    lance.build(retrain=retrain)
    return Indexed(lance.uri, len(wanted), len(lance), added, gone)


def open_index(frames: str | Path) -> ExactIndex | LanceIndex:
    """The index for a folder of tables: all in memory where they are few, else the one on disk; or an index by itself.

    Raises:
        InputError: many frames without an index, or with one that lacks some of them.
    """
    if str(frames).endswith(".lance"):
        return LanceIndex(frames)
    folder = Path(frames)
    paths = _tables(folder)
    num_frames = sum(pq.read_metadata(path).num_rows for path in paths)
    if num_frames <= EXACT_ROWS:
        return ExactIndex(read_frames(folder))
    if not (folder / NAME).exists():
        raise InputError(f"{folder}: {num_frames} frames are too many to search one by one; run `mvssl index {folder}`")
    lance = LanceIndex(folder / NAME)
    if len(lance) != num_frames:
        raise InputError(
            f"{folder}: the index holds {len(lance)} of {num_frames} frames; bring it up to date: `mvssl index {folder}`"
        )
    return lance


def _tables(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*" + SUFFIX))
    if not paths:
        raise InputError(f"{folder}: no tables of embedded frames (*{SUFFIX}); make them with `mvssl embed`")
    return paths
