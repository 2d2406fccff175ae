"""The metrics that the demo's report shows, and their rows as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = {
    "phase_classification/recall": "phase recall",
    "phase_classification/accuracy": "phase accuracy",
    "frame_retrieval/precision@5": "precision@5",
    "frame_retrieval/precision@10": "precision@10",
    "frame_retrieval/precision@15": "precision@15",
    "kendall_tau": "tau",
}


def cells(
    rows: Mapping[str, Mapping[str, Any] | str], columns: Mapping[str, str] = COLUMNS
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text. A row that is a string says why it was not run; an undefined number is '-'."""
    used = {
        key: name for key, name in columns.items() if any(isinstance(r, Mapping) and key in r for r in rows.values())
    }
    lines = [
        [name, *([row] * len(used) if isinstance(row, str) else [_cell(row.get(key)) for key in used])]
        for name, row in rows.items()
    ]
    return ["", *used.values()], lines


def _cell(value: Any) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
