"""What to do with a file that cannot be read, in a long run: stop, pass over it, or set it aside for good. Never in silence."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path
from typing import Literal

from mvssl import csv_cells, files
from mvssl.errors import InputError, VideoError


class BadFiles:
    """Counts the files that a run could not read, and stops it when they are too many.

    Args:
        policy: "error" raises at once; "skip" passes over the file in this run; "quarantine" also writes it into
            ``table``, and later runs leave it out from the start.
        limit: how many files may be set aside before the run stops.
        table: csv of the quarantine (path, kind, time_s, message).

    Attributes:
        errors: path -> error, of this run.
    """

    def __init__(
        self,
        policy: Literal["error", "skip", "quarantine"] = "error",
        *,
        limit: int = 10,
        table: str | os.PathLike | None = None,
    ):
        if policy not in ("error", "skip", "quarantine"):
            raise InputError(f"policy must be error, skip or quarantine; got {policy!r}")
        if policy == "quarantine" and table is None:
            raise InputError("policy 'quarantine' needs a table to write to")
        self.policy, self.limit = policy, limit
        self.table = None if table is None else Path(table)
        self.errors: dict[str, VideoError] = {}
        self._known = self._read() if policy == "quarantine" else set()

    def __contains__(self, path: str) -> bool:
        """Whether the file is set aside, by this run or an earlier one."""
        return path in self.errors or path in self._known

    def set_aside(self, error: VideoError) -> None:
        """Take note of a file that failed; raises the error under policy "error", or when there are too many."""
        if self.policy == "error":
            raise error
        new = error.path not in self
        self.errors[error.path] = error
        if new and self.policy == "quarantine":
            self._append(error)
        if len(self.errors) > self.limit:
            raise InputError(
                f"{len(self.errors)} files could not be read ({self.summary()}), more than the limit of {self.limit}; "
                f"the last: {error}. Run 'mvssl scan' to see them all, or raise the limit."
            ) from error

    def summary(self) -> str:
        """Counts by kind, e.g. "corrupt: 2, missing: 1"; "none" if there are none."""
        counts = Counter(error.kind for error in self.errors.values())
        return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())) or "none"

    def _read(self) -> set[str]:
        assert self.table is not None
        if not self.table.exists():
            return set()
        with open(self.table, newline="") as file:
            return {csv_cells.from_cell(row["path"]) for row in csv.DictReader(file)}

    def _append(self, error: VideoError) -> None:
        assert self.table is not None
        files.make_folder(self.table.parent)
        new = not self.table.exists()
        with open(self.table, "a", newline="") as file:  # one short line per write: safe with several writers
            writer = csv_cells.Writer(file)
            if new:
                writer.writerow(["path", "kind", "time_s", "message"])
            writer.writerow([error.path, error.kind, "" if error.time_s is None else error.time_s, str(error)])
