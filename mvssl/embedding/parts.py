"""Finished windows of a long video on disk, so that an interrupted run does not repeat them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from mvssl import files


class Parts:
    """Rows of one video by window; each file appears whole or not at all.

    Args:
        folder: of this video and this model; it is made when the first window is saved.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def load(self, keep: slice) -> dict[str, np.ndarray] | None:
        """The columns of a finished window, or None."""
        path = self._path(keep)
        if not path.exists():
            return None
        with np.load(path) as stored:
            return dict(stored)

    def save(self, keep: slice, columns: dict[str, np.ndarray]) -> None:
        with files.whole_file(self._path(keep)) as temporary:
            np.savez(temporary, **columns)  # type: ignore[arg-type]

    def remove(self) -> None:
        """After the table is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, keep: slice) -> Path:
        return self.folder / f"{keep.start:09d}-{keep.stop:09d}.npz"
