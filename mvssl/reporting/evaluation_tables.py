"""The tables of an evaluation: one of all main numbers, and one per evaluator with intervals; Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mvssl import files
from mvssl.evaluation import Result, flatten
from mvssl.reporting.tables import latex, markdown

MAIN = ("kendall_tau", "phase_progression", "frame_retrieval", "phase_classification")
NO_BEST = ("diagnostics", "diversity")  # what is best depends on what one wants


def write_tables(folder: str | Path, results: Mapping[str, Mapping[str, Result] | str]) -> Path:
    """Writes table.md and table.tex, and ``tables/<evaluator>.md`` and ``.tex``.

    Args:
        results: by method or control, in the order of the table; a string says why a row has no numbers.

    Returns:
        table.md.
    """
    folder = Path(folder)
    main: dict[str, Any] = {
        row: found if isinstance(found, str) else flatten({name: found[name] for name in MAIN if name in found})
        for row, found in results.items()
    }
    _write(folder / "table", main)
    names = dict.fromkeys(name for found in results.values() if not isinstance(found, str) for name in found)
    for name in names:
        rows = {
            row: found if isinstance(found, str) else _with_intervals(found[name])
            for row, found in results.items()
            if isinstance(found, str) or name in found
        }
        _write(folder / "tables" / name, rows, bold=name not in NO_BEST)
    return folder / "table.md"


def _write(path: Path, rows: Mapping[str, Any], *, bold: bool = True) -> None:
    files.write_text(path.with_suffix(".md"), markdown(rows, bold=bold))
    files.write_text(path.with_suffix(".tex"), latex(rows, bold=bold))


def _with_intervals(result: Result) -> dict[str, Any]:
    """Numbers by measure, each with its interval where it has one."""
    if not isinstance(result.value, dict):
        return {"value": _cell(result.value, result.interval)}
    intervals = result.interval if isinstance(result.interval, dict) else {}
    return {str(name): _cell(value, intervals.get(name)) for name, value in result.value.items()}


def _cell(value: float, interval: Any) -> Any:
    if interval is None or not all(bound == bound for bound in interval):
        return value
    return (value, *interval)
