"""More than chance: against the hardest control, by units, in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.evaluation import Result
from mvssl.evaluation.against_controls import against_controls
from mvssl.reporting.results import sentences


def row(values, units=()):
    videos = tuple(f"v{i}" for i in range(len(values)))
    return {
        "probe": Result(value=float(np.mean(values)), per_video={"x": np.array(values)}, videos=videos, units=units)
    }


def test_the_hardest_control_counts():
    ours = [0.9, 0.8, 0.9, 0.7, 0.8, 0.9]
    easy, hard = [0.1] * 6, [0.8, 0.7, 0.8, 0.6, 0.7, 1.0]
    assert against_controls({"easy": row(easy), "this run": row(ours)}, "probe", "x") == (pytest.approx(1 / 64), 6)
    found = against_controls({"easy": row(easy), "hard": row(hard), "this run": row(ours)}, "probe", "x")
    # differences .1 five times and -.1: 7 of the 64 patterns have as large a sum
    assert found == (pytest.approx(7 / 64), 6)
    ahead = {"supervised reference": row([1.0] * 6), "easy": row(easy), "this run": row(ours)}
    assert against_controls(ahead, "probe", "x").p_value == pytest.approx(1 / 64)


def test_videos_of_one_unit_count_once():
    units = ("a", "a", "b", "b", "c", "c")
    rows = {"easy": row([0.1] * 6, units), "this run": row([0.9] * 6, units)}
    assert against_controls(rows, "probe", "x") == (pytest.approx(1 / 8), 3)


def test_without_values_per_video_there_is_no_answer():
    rows = {"majority": {"probe": Result(value=0.5)}, "none": "not run", "this run": row([0.9] * 6)}
    assert against_controls(rows, "probe", "x") is None
    assert against_controls({"this run": "not run", "easy": row([0.1])}, "probe", "x") is None


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        ((0.004, 9), "more than chance gives: p = 0.004, 9 independent videos or groups"),
        ((0.2, 9), "this may be chance: p = 0.200, 9 independent videos or groups"),
        ((0.001, 5), "5 independent videos or groups are too few to tell that from chance"),
        (None, "not tested: no values by video"),
    ],
)
def test_the_sentence_says_what_chance_would_give(chance, words):
    metric = "frame_retrieval/precision@5"
    rows = {"time only": {metric: 0.5}, "this run": {metric: 0.7}}
    (sentence,) = sentences(rows, {metric: chance})
    assert "beats every control (0.700; the best control, time only, 0.500)" in sentence
    assert words in sentence
    (behind,) = sentences({"time only": {metric: 0.8}, "this run": {metric: 0.7}}, {metric: chance})
    assert "does not beat every control" in behind
    assert "chance" not in behind
