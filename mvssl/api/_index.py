"""A folder of tables made searchable on disk, and the index that a search of the folder uses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from mvssl.brief import brief_repr
from mvssl.errors import InputError
from mvssl.frames import SUFFIX, read_frames, read_id
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
    bad: list[InputError]  # tables that could not be read and were left out

    def __repr__(self) -> str:
        return brief_repr(self)


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
    bad: list[InputError] = []
    wanted = _ids(paths)
    lance = LanceIndex(folder / NAME if output is None else output)
    gone = sorted(lance.ids() - wanted)
    lance.delete(gone)
    missing = len(wanted) - len(lance.ids())
    added = list(
        tqdm(lance.add_folder(folder, bad=bad), "index", missing, unit="video", disable=None if progress else True)
    )
    if bad and not len(lance):
        raise bad[0]
    lance.build(retrain=retrain)
    return Indexed(lance.uri, len(lance.ids()), len(lance), added, gone, bad)


def open_index(frames: str | Path, *, bad: list[InputError] | None = None) -> ExactIndex | LanceIndex:
    """The index for a folder of tables: all in memory where they are few, else the one on disk; or an index by itself.

    Args:
        bad: takes the errors of tables that cannot be read, in place of raising the first.

    Raises:
        InputError: many frames without an index, or with one that lacks some of them.
    """
    if str(frames).endswith(".lance"):
        return LanceIndex(frames)
    folder = Path(frames)
    paths = _tables(folder)
    num_frames = sum(map(_num_rows, paths))
    if num_frames <= EXACT_ROWS:
        return ExactIndex(read_frames(folder, bad=bad))
    if not (folder / NAME).exists():
        raise InputError(f"{folder}: {num_frames} frames are too many to search one by one; run `mvssl index {folder}`")
    lance = LanceIndex(folder / NAME)
    if len(lance) != num_frames:
        raise InputError(
            f"{folder}: the index holds {len(lance)} of {num_frames} frames; bring it up to date: `mvssl index {folder}`"
        )
    return lance


def _ids(paths: list[Path]) -> set[str]:
    """Ids of the tables that can be read; ``add_folder`` says what is wrong with the others."""
    found = set()
    for path in paths:
        with suppress(InputError):
            found.add(read_id(path))
    return found


def _num_rows(path: Path) -> int:
    """Rows of a table; 0 for one that cannot be read, which the reader of all names."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return 0


def _tables(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*" + SUFFIX))
    if not paths:
        raise InputError(f"{folder}: no tables of embedded frames (*{SUFFIX}); make them with `mvssl embed`")
    return paths
