"""What several rooms ask of rows in time has one answer: shown at an instant, median step, unit length, labels beside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvssl.dtw import cosine_cost
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import labels_beside
from mvssl.retrieval.exact import directions
from mvssl.series import SLACK_S, median_step, shown_at, unit_rows
from mvssl.training.experiment import Data

TIMES_S = st.lists(st.floats(0, 100), min_size=1, max_size=20, unique=True).map(sorted)


@given(TIMES_S, st.lists(st.floats(-10, 110), max_size=20))
def test_the_frame_on_screen_is_the_last_that_has_begun(times_s, at_s):
    for wanted, row in zip(at_s, shown_at(np.array(times_s), np.array(at_s)), strict=True):
        begun = [i for i, time_s in enumerate(times_s) if time_s <= wanted + SLACK_S]
        assert row == max(begun, default=0)


def test_an_instant_before_the_first_frame_shows_the_first():
    assert shown_at(np.array([1.0, 2.0]), 0.5) == 0  # not the last one, as row -1 would be
    assert shown_at(np.array([1.0, 2.0]), 2.0 - SLACK_S / 2) == 1


def test_median_step_of_few():
    assert median_step(np.array([0.0, 0.1, 0.2, 5.0])) == pytest.approx(0.1)
    assert median_step(np.array([3.0])) == 0.0  # no NaN, no warning
    assert median_step(np.zeros(0), alone=1.0) == 1.0


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_unit_rows_of_every_kind(kind):
    rows = np.array([[3, 4], [0, 0]], dtype=kind)
    found = unit_rows(rows)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], atol=1e-6)
    assert found.dtype == (np.float32 if kind is np.float32 else np.float64)


def test_tiny_rows_are_of_unit_length_everywhere():
    """They used to be so for a search and a matrix of costs, and not for a table of frames."""
    rows = np.array([[3e-14, 4e-14], [1.0, 0.0]])
    video = VideoFrames("v", np.arange(2), np.arange(2.0), rows)
    np.testing.assert_allclose(Frames([video]).unit()[0].embedding[0], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(directions(video, centre=False)[0], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(cosine_cost(rows, rows)[0], [0.0, 0.4], atol=1e-6)


@pytest.mark.parametrize("given_as", ["folder", "table"])
def test_labels_beside_a_data_set(tmp_path, given_as):
    (tmp_path / "videos.csv").write_text("video\n")
    dataset = tmp_path if given_as == "folder" else tmp_path / "videos.csv"
    assert labels_beside(dataset) == tmp_path / "segments.csv"
    assert Data(root=str(dataset)).labels_table == tmp_path / "segments.csv"
    assert Data(root=str(dataset), labels="mine.csv").labels_table.name == "mine.csv"
