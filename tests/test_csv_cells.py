"""A name is never a formula in a table that is written, and is itself again in one that is read."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvssl.alignment import Offset, write_offsets
from mvssl.csv_cells import Writer, as_cell, from_cell
from mvssl.labels import Segment, Segments, read_segments, write_segments
from mvssl.retrieval import Match, write_matches
from mvssl.types import Video
from mvssl.video.tables import read_table

NAMES = ["=cmd|' /C calc'!A0.mp4", "+1+2.mp4", "-3+cmd.mp4", "@SUM(A1).mp4", "\tx.mp4", "'=x.mp4", "''=x.mp4"]
PLAIN = ["a.mp4", "'a.mp4", "-1", "+2.5", "-1e5", "", "ü=1"]


@given(st.text(alphabet=st.sampled_from("'=+-@\t a1.")))
def test_any_text_comes_back(text):
    assert from_cell(as_cell(text)) == text


@given(st.text())
def test_nothing_written_is_a_formula(text):
    cell = as_cell(text)
    if re.match(r"[=+\-@\t\r]", cell):
        float(cell)


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_is_text(name):
    assert as_cell(name) == "'" + name


@pytest.mark.parametrize("name", PLAIN)
def test_all_else_stays(name):
    assert as_cell(name) == name
    assert as_cell(-1.5) == -1.5


def first_cells(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def no_formula(path):
    return [cell for cell in first_cells(path) if re.match(r"[=+\-@\t]", cell) and not re.match(r"[+-]?[\d.]+$", cell)]


@pytest.mark.parametrize("name", NAMES)
def test_tables_that_people_open_hold_no_formula(tmp_path, name):
    write_matches(tmp_path / "m.csv", [Match(1, name, 3, 0.1, 0.1, 0.1, 0.5, name, name, name)])
    write_offsets(tmp_path / "o.csv", [Offset(name, name, -0.5, 1.0, 0.9, "sound")])
    write_segments(Segments({name: [Segment(0.0, 1.0, name)]}), tmp_path / "segments.csv")
    for table in ("m.csv", "o.csv", "segments.csv"):
        assert not no_formula(tmp_path / table)
        assert "'" + name in first_cells(tmp_path / table)
    assert "-0.5" in first_cells(tmp_path / "o.csv")


@pytest.mark.parametrize("name", NAMES[:4])
def test_labels_and_videos_come_back(tmp_path, name):
    table = Segments({name: [Segment(0.0, 1.0, name)]})
    write_segments(table, tmp_path / "segments.csv")
    assert read_segments(tmp_path / "segments.csv") == table
    text = io.StringIO()
    Writer(text).writerows([["video", "label"], [name, name]])
    (tmp_path / "videos.csv").write_text(text.getvalue())
    (row,) = read_table(tmp_path / "videos.csv")
    assert row == Video(name, str(tmp_path / name), label=name)
    assert np.isinf(row.end_s)
