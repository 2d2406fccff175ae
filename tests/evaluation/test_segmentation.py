from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import InputError
from mvssl.evaluation import Segmentation, segment_scores


def scores(found, truth):
    return segment_scores([np.array(list(found))], [np.array(list(truth))]).value


def test_closed_forms():
    truth = "aaaaabbbbbccccc"
    assert scores(truth, truth) == {"edit": 100, "F1@10": 100, "F1@25": 100, "F1@50": 100}
    assert scores("a" * 15, truth)["edit"] == pytest.approx(100 / 3)  # two of three segments to insert
    assert scores("a" * 15, truth)["F1@10"] == pytest.approx(50)  # 1 right of 1 found and 3 true
    assert scores("a" * 15, truth)["F1@50"] == 0  # IoU is a third
    # over-segmentation: nine segments for three; the order score and F1 fall, frame accuracy is 13 / 15
    jumpy = "aabaabbabbccccc"
    assert scores(jumpy, truth)["edit"] == pytest.approx(100 * (1 - 4 / 7))
    assert scores(jumpy, truth)["F1@50"] == pytest.approx(200 / 10)


def test_a_segment_found_twice_counts_once():
    # both pieces of "a" overlap the true one by more than a tenth; only the first is right
    assert scores("aabaa", "aaaaa")["F1@10"] == pytest.approx(200 * 1 / (3 + 1))


@settings(max_examples=40, deadline=None)
@given(st.text("abc", min_size=1, max_size=30), st.data())
def test_scores_are_bounded_and_harder_overlaps_score_less(truth, data):
    found = data.draw(st.text("abc", min_size=len(truth), max_size=len(truth)))
    value = scores(found, truth)
    assert 0 <= value["F1@50"] <= value["F1@25"] <= value["F1@10"] <= 100
    assert 0 <= value["edit"] <= 100
    assert (value["edit"] == 100) == (runs(found) == runs(truth))


def runs(text):
    return [c for i, c in enumerate(text) if i == 0 or text[i - 1] != c]


def test_unlabelled_frames_are_cut_out_and_videos_without_labels_counted():
    truth = [np.array(["a", "", "a", "b"]), np.array(["", "", ""])]
    found = [np.array(["a", "c", "a", "b"]), np.array(["a", "b", "c"])]
    result = segment_scores(found, truth)
    assert result.value["edit"] == 100
    assert result.undefined == 1


def test_component(phased):
    frames, segments = phased
    result = Segmentation().evaluate(frames.where(split="val"), segments, frames.where(split="train"))
    assert result.value["F1@50"] > 80
    assert result.videos == tuple(frames.where(split="val").ids)
    with pytest.raises(InputError, match="needs labels"):
        Segmentation().evaluate(frames)
