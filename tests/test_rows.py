"""Tables as spreadsheets and people write them: read, or refused by file, row and column."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from mvssl import csv_cells
from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.rows import read_rows

HEAD = "video,start_s,end_s,label\n"
GOOD = HEAD + "a.mp4,0,1.5,grün\na.mp4,1.5,2,rest\n"
EXPECTED = {"a.mp4": [(0.0, 1.5, "grün"), (1.5, 2.0, "rest")]}


@pytest.fixture
def read(tmp_path):
    def run(content, encoding="utf-8"):
        path = tmp_path / "segments.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_segments(path)

    return run


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(read, encoding, delimiter, ending):
    text = GOOD.replace(",", delimiter).replace("\n", ending)
    assert read(text, encoding) == EXPECTED
    if delimiter != ",":
        assert read(text.replace("1.5", "1,5"), encoding) == EXPECTED


def test_quotes_empty_rows_trailing_columns_and_spaces(read):
    text = 'video, start_s,end_s,label,,\n,,,,,\n"a.mp4 ",0,1,"push ",,\n\na.mp4,1,2, push,,\nb.mp4,0,1,"a, ""b""",,\n'
    assert read(text) == {"a.mp4": [(0, 1, "push"), (1, 2, "push")], "b.mp4": [(0, 1, 'a, "b"')]}


def test_composed_and_decomposed_names_are_one(read):
    composed, decomposed = (unicodedata.normalize(form, "grün.mp4") for form in ("NFC", "NFD"))
    assert composed != decomposed
    found = read(f"{HEAD}{composed},0,1,x\n{decomposed},1,2,{decomposed}\n")
    assert found == {composed: [(0, 1, "x"), (1, 2, composed)]}
    assert found.at(decomposed, np.array([0.5])).tolist() == ["x"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4,0,1,reach, grasp\n", r"row 2: 5 cells, but the header has 4 columns .*quotes"),
        ("a.mp4,0,1,x\na.mp4,1\n", "row 3: 2 cells, but the header has 4 columns"),
        ('a.mp4,"0,5",1,x\n', r"row 2, column start_s: '0,5' is no number; write the decimals with a point"),
        ("a.mp4,nan,1,x\n", "row 2, column start_s: 'nan' is no number"),
        ("a.mp4,0,inf,x\n", "row 2, column end_s: 'inf' is no number"),
        ("a.mp4,0,,x\n", "row 2, column end_s: '' is no number"),
        ("a.mp4,0,1_0,x\n", "row 2, column end_s: '1_0' is no number"),
        ("a.mp4,2,1,x\n", "row 2, column end_s: 1 must lie after start_s 2"),
        ("a.mp4,1,1,x\n", "row 2, column end_s: 1 must lie after start_s 1"),
        ("a.mp4,0,2,x\nb.mp4,0,9,y\na.mp4,1,3,y\n", "row 4, column start_s: a.mp4: .* overlaps"),
        (",0,1,x\n", "row 2, column video: empty"),
        ('a.mp4,0,1,"x\na.mp4,1,2,y\n', r"row 2 \(line 2\): a quote is left open"),
        ('a.mp4,0,1,"x\na.mp4,1,2,y"\n', "row 2, column label: holds a line break; is a quote left open"),
        ('a.mp4,0,1,"x"y\n', r"row 2 \(line 2\)"),
    ],
)
def test_refused_by_row_and_column(read, rows, message):
    with pytest.raises(InputError, match=r"segments\.csv, " + message):
        read(HEAD + rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.encode("cp1252"), r"row 2: not UTF-8 \(byte 0xfc\).*cp1252.*CSV UTF-8"),
        (GOOD.encode("utf-16-le"), "zero bytes: UTF-16 without its mark|not UTF-8"),
        (GOOD.encode("utf-16")[:-1], "not UTF-16"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"video,start_s,end_s\n", "no column label; found video, start_s, end_s"),
        (b"video,start_s,end_s,label,label\na,0,1,x,y\n", "row 1: the column 'label' occurs twice"),
        (b"video;start_s;end_s;label\na;1.234,5;2;x\n", r"row 2, column start_s: '1.234,5' is no number"),
    ],
)
def test_refused_files(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content)


def test_any_table_of_text_survives(tmp_path):
    """Property: what the csv module writes, in any encoding and delimiter, comes back cell by cell, without
    spreadsheets' apostrophe before what looks like a formula."""
    import csv

    generator = np.random.default_rng(0)
    alphabet = list("ab ,;\t\"'é漢=@.5")
    for trial in range(60):
        delimiter, encoding = ",;\t"[trial % 3], ["utf-8", "utf-8-sig", "utf-16"][trial // 3 % 3]
        cells = [["".join(generator.choice(alphabet, generator.integers(1, 6))) for _ in range(3)] for _ in range(4)]
        path = tmp_path / f"{trial}.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(["one", "two", "three"])
            writer.writerows(cells)
        found = [[row.cells[name] for name in ("one", "two", "three")] for row in read_rows(path)]
        given = [[csv_cells.from_cell(cell.strip()) for cell in row] for row in cells]
        assert found == [row for row in given if any(row)]
