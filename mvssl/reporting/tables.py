"""Tables of results as text: rows of methods and controls, columns of metrics, in Markdown and in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mvssl.errors import InputError

Rows = Mapping[str, Mapping[str, Any] | str]


def markdown(rows: Rows, *, columns: Sequence[str] | None = None, digits: int = 3, bold: bool = True) -> str:
    """A Markdown table.

    Args:
        rows: by method or control, in order: numbers by metric ("phase_classification/recall"), each a number or
            (number, low, high); or a string that says why there are none ("not run").
        columns: metrics in order; None: all, in order of appearance.
        digits: after the point.
        bold: mark the best number of each column.

    Returns:
        The table; "-" where a row lacks a metric, "undefined" for NaN.
    """
    columns = _columns(rows, columns)
    best = _best(rows, columns) if bold else set()
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [_cell(row, column, digits, " ({}, {})") for column in columns]
        cells = [f"**{cell}**" if (name, column) in best else cell for cell, column in zip(cells, columns)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def latex(rows: Rows, *, columns: Sequence[str] | None = None, digits: int = 3, bold: bool = True) -> str:
    """The same as a LaTeX ``tabular`` with the rules of booktabs."""
    columns = _columns(rows, columns)
    best = _best(rows, columns) if bold else set()
    lines = [r"\begin{tabular}{l" + "c" * len(columns) + "}", r"\toprule"]
    lines += [" & " + " & ".join(map(_escaped, columns)) + r" \\", r"\midrule"]
    for name, row in rows.items():
        cells = [_escaped(_cell(row, column, digits, " ({}, {})")) for column in columns]
        cells = [rf"\textbf{{{cell}}}" if (name, column) in best else cell for cell, column in zip(cells, columns)]
        lines.append(_escaped(name) + " & " + " & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _columns(rows: Rows, columns: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(metric for row in rows.values() if not isinstance(row, str) for metric in row))
    for column in columns or ():
        if column not in known:
            raise InputError(f"no metric {column!r} in these results; there are: {', '.join(known)}")
    return list(columns) if columns is not None else known


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value[0] if isinstance(value, (tuple, list)) else value)


def _cell(row: Mapping[str, Any] | str, column: str, digits: int, interval: str) -> str:
    if isinstance(row, str):
        return row
    if column not in row:
        return "-"
    value = row[column]
    if math.isnan(_number(value)):
        return "undefined"
    text = f"{_number(value):.{digits}f}"
    if isinstance(value, (tuple, list)):
        text += interval.format(*(f"{bound:.{digits}f}" for bound in value[1:]))
    return text


def _best(rows: Rows, columns: Sequence[str]) -> set[tuple[str, str]]:
    """(row, column) of the best numbers; seconds and errors are better when smaller."""
    out = set()
    for column in columns:
        numbers = {
            name: _number(row[column]) for name, row in rows.items() if not isinstance(row, str) and column in row
        }
        numbers = {name: number for name, number in numbers.items() if not math.isnan(number)}
        if len(numbers) > 1:
            smaller = column.endswith("_s") or "error" in column.rpartition("/")[2]
            target = min(numbers.values()) if smaller else max(numbers.values())
            out |= {(name, column) for name, number in numbers.items() if number == target}
    return out


def _escaped(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text
