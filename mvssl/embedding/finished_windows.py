"""Finished windows of a long video on disk, so that an interrupted run does not repeat them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from mvssl import files


class FinishedWindows:
    """Rows of one video by window; each file appears whole or not at all.

    Args:
        folder: of this video and this model; it is made when the first window is saved.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def load(self, keep: slice) -> dict[str, np.ndarray] | None:
        """The columns of a finished window, or None; None too, said aloud, where the file is cut or damaged."""
        path = self._path(keep)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file) as stored:
                columns = dict(stored)
            if all(len(rows) == keep.stop - keep.start for rows in columns.values()) and "embedding" in columns:
                return columns
            problem = "of another length"
        except files.UNREADABLE as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        print(f"{path}: the rows of this window are cut or damaged ({problem}); they are computed again")
        return None

    def save(self, keep: slice, columns: dict[str, np.ndarray]) -> None:
        with files.whole_file(self._path(keep)) as temporary:
            np.savez(temporary, **columns)  # type: ignore[arg-type]

    def remove(self) -> None:
        """After the table is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, keep: slice) -> Path:
        return self.folder / f"{keep.start:09d}-{keep.stop:09d}.npz"
