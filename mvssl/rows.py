"""Tables of text as people, spreadsheets and other tools write them: encodings, delimiters, counted cells, clean names.

Every reader of a csv or tsv goes through here. What cannot be read for certain is refused by file, row and column, never
guessed: a row is counted as a spreadsheet counts it, the header being row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from mvssl import csv_cells
from mvssl.errors import InputError

DELIMITERS = (",", ";", "\t")
_MARKS = (  # byte order marks; UTF-32 before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TableRow:
    """One row of a table: cells by column.

    Attributes:
        where: file and row, for messages.
        cells: text by column, without spaces around it.
        decimal_comma: whether numbers may be written 1,5 (where commas do not separate cells).
    """

    def __init__(self, where: str, cells: dict[str, str], *, decimal_comma: bool = False):
        self.where, self.cells, self.decimal_comma = where, cells, decimal_comma

    def text(self, column: str) -> str:
        """The words of a cell in composed form (NFC), "" where there is no such column.

        Raises:
            InputError: a line break inside, which is a quote left open.
        """
        value = self.cells.get(column, "")
        if "\n" in value or "\r" in value:
            raise InputError(f"{self.where}, column {column}: holds a line break; is a quote left open? {value[:60]!r}")
        return clean(value)

    def number(self, column: str) -> float:
        """The finite number of a cell.

        Raises:
            InputError: it is none.
        """
        value = self.cells.get(column, "")
        plain = value.replace(",", ".") if self.decimal_comma and "." not in value else value
        try:
            number = float(plain)
        except ValueError:
            number = math.nan
        if "_" in plain or not math.isfinite(number):
            hint = "; write the decimals with a point" if "," in value else ""
            raise InputError(f"{self.where}, column {column}: {value!r} is no number{hint}")
        return number


def clean(text: str) -> str:
    """A name in the one form in which it is compared: composed (NFC), no spaces around it, bytes that are no UTF-8 (of a
    file name) written as ``\\xff``."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", whole).strip()


def read_text(path: str | os.PathLike) -> str:
    """A file of text: UTF-8 with or without mark, or UTF-16 and UTF-32 with their mark.

    Raises:
        InputError: no such file, or another encoding; says which line and what to do.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, row {line}: not {encoding.removesuffix('-sig').upper()} (byte 0x{data[error.start]:02x}); it looks like "
            "Windows or Latin-1 text (cp1252): save it as 'CSV UTF-8'"
        ) from None
    if "\0" in text:
        raise InputError(f"{path}: holds zero bytes: UTF-16 without its mark, or no text; save it as 'CSV UTF-8'")
    return text


def read_rows(path: str | os.PathLike, *, needs: Sequence[str] = ()) -> list[TableRow]:
    """The rows of a table with a header; empty rows are left out.

    Args:
        path: comma, semicolon or tab separated; told apart by the header.
        needs: columns that have to be there.

    Raises:
        InputError: as ``read_text``; a missing or repeated column, a row of too few or too many cells, an open quote.
    """
    return rows_of(read_text(path), str(path), needs=needs)


def rows_of(text: str, where: str, *, needs: Sequence[str] = (), first: int = 1) -> list[TableRow]:
    """As ``read_rows``, of text. ``first`` is the number of its first row in the file, for messages."""
    head = next((line for line in io.StringIO(text) if line.strip()), "")
    delimiter = _delimiter(head, needs)
    records = list(_records(text, where, delimiter, first))
    if not records:
        raise InputError(f"{where}: empty; expected a header{' with ' + ', '.join(needs) if needs else ''}")
    at, names = records[0]
    while names and not names[-1]:
        names.pop()
    if missing := [name for name in needs if name not in names]:
        raise InputError(f"{where}: no column {', '.join(missing)}; found {', '.join(names)}")
    if twice := [name for name in dict.fromkeys(names) if name and names.count(name) > 1]:
        raise InputError(f"{where}, row {at}: the column {twice[0]!r} occurs twice")
    rows = []
    for number, cells in records[1:]:
        place = f"{where}, row {number}"
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if len(cells) != len(names):
            hint = " (a text that holds the separator must stand in quotes)" if len(cells) > len(names) else ""
            raise InputError(f"{place}: {len(cells)} cells, but the header has {len(names)} columns{hint}")
        given = (csv_cells.from_cell(cell) for cell in cells)
        rows.append(TableRow(place, dict(zip(names, given)), decimal_comma=delimiter != ","))
    return rows


def _delimiter(head: str, needs: Sequence[str]) -> str:
    """The separator that the header is written with: the one that gives most of the columns, then most cells."""

    def fitness(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip().strip('"').strip() for cell in head.split(delimiter)]
        return sum(name in cells for name in needs), len(cells)

    return max(DELIMITERS, key=fitness)


def _records(text: str, where: str, delimiter: str, first: int):
    """(number of the row, its stripped cells) of each row that holds anything."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = first - 1
    while True:
        number += 1
        begun = first + reader.line_num
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            words = "a quote is left open" if "unexpected end" in str(error) else str(error)
            raise InputError(f"{where}, row {number} (line {begun}): {words}") from None
        if any(cells):
            yield number, cells
