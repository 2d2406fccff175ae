"""The strip shows the same pictures in the reference's row and in the corrected one, others by the camera's own clock."""

import numpy as np
import pytest
from PIL import Image

from mvssl.alignment import Offset
from mvssl.reporting.sync_strip import GAP, LINE, write_sync_strip
from mvssl.video import write_video

CELL = (48, 64)


@pytest.fixture
def films(tmp_path):
    """The reference, and a camera that began 1.2 s later; every 0.4 s another grey."""
    levels = np.repeat([20, 60, 100, 140, 180, 220, 40, 120, 200, 80], 4).astype(np.uint8)
    film = np.broadcast_to(levels[:, None, None, None], (len(levels), 48, 64, 3))
    write_video(tmp_path / "whole.mp4", film, fps=10)
    write_video(tmp_path / "cut.mp4", film[12:], fps=10)
    return str(tmp_path / "whole.mp4"), str(tmp_path / "cut.mp4")


def greys(path, row, num_instants):
    """Mean of the middle of each picture of a row."""
    sheet = np.asarray(Image.open(path).convert("L"), dtype=float)
    top = GAP + row * (CELL[0] + 2 * LINE + GAP) + LINE
    lefts = [GAP + k * (CELL[1] + GAP) for k in range(num_instants)]
    return np.array([sheet[top + 12 : top + 36, left + 16 : left + 48].mean() for left in lefts])


def test_corrected_row_equals_the_reference(tmp_path, films):
    found = Offset(films[0], films[1], 1.2, 1.0, 0.9, "embedding")
    path = write_sync_strip(tmp_path / "s.png", [found], num_instants=7, cell=CELL)
    reference, before, after = (greys(path, row, 7) for row in range(3))
    assert np.abs(reference - after).max() < 4
    inside = before > 30  # by its own clock the camera is over before the reference
    assert np.abs(reference - before)[inside].max() > 20
    assert np.ptp(reference) > 100


def test_an_instant_that_was_not_recorded_stays_empty(tmp_path, films):
    found = Offset(films[0], films[1], 1.2, 1.0, 0.9, "embedding")
    path = write_sync_strip(tmp_path / "s.png", [found], num_instants=7, cell=CELL)
    assert (greys(path, 1, 7) < 30).any()
