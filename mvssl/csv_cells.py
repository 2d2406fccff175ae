"""Text in CSV that no spreadsheet takes for a formula, and that reads back as it was.

A name such as ``=cmd.mp4`` is shown by spreadsheets as the result of a formula, which can run programs (CWE-1236). Text that
begins like one is written with an apostrophe before it, which spreadsheets take as "this is text"; reading takes that
apostrophe off again. Numbers, also negative ones, stay as they are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def as_cell(value: Any) -> Any:
    """Text with an apostrophe before it where it begins like a formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def from_cell(value: Any) -> Any:
    """What ``as_cell`` was given."""
    return value[1:] if isinstance(value, str) and value.startswith("'") and _is_formula(value) else value


def from_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``csv.DictReader``, its cells as they were given."""
    return {name: from_cell(value) for name, value in row.items()}


class Writer:
    """As ``csv.writer``, for text of anyone."""

    def __init__(self, file: TextIO, *, delimiter: str = ","):
        self._writer = csv.writer(file, delimiter=delimiter)

    def writerow(self, row: Iterable[Any]) -> None:
        self._writer.writerow([as_cell(value) for value in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        for row in rows:
            self.writerow(row)


def _is_formula(text: str) -> bool:
    if not _FORMULA.match(text):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
