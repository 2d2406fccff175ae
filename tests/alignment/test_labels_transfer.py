"""Labels carried along a time map."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.alignment import TimeMap, align, to_segments, transfer_labels
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments

LINE = np.linspace(0, 1, 80)


def test_labels_follow_the_warp(make_video):
    reference = make_video("ref", LINE)
    warped = np.interp(np.linspace(0, 1, 120), [0, 0.5, 1], [0, 0.25, 1])
    query = make_video("query", warped)
    segments = Segments({"ref": [Segment(0, 2.0, "a"), Segment(2.0, 5.0, "b"), Segment(5.0, 8.0, "c")]})
    found = transfer_labels(align(reference, query), segments, query)
    true = np.array(["a", "b", "c"])[np.searchsorted([2.0 / 7.9, 5.0 / 7.9], warped, side="right")]
    assert (found.label == true).mean() > 0.95
    assert found.confidence[10:-10].min() > 0.5
    rows, confidence = to_segments(found, end_s=12.0)
    assert [row.label for row in rows] == ["a", "b", "c"]
    assert rows[0].start_s == 0.0
    assert rows[-1].end_s == pytest.approx(12.0)
    assert rows[0].end_s == rows[1].start_s
    assert len(confidence) == 3


def test_beyond_the_matched_range_nothing_is_claimed(make_video):
    reference, query = make_video("ref", LINE[:40]), make_video("query", LINE)
    found = transfer_labels(align(reference, query), Segments({"ref": [Segment(0, 4, "a")]}), query)
    assert set(found.label[50:]) == {""}
    assert (found.confidence[50:] == 0).all()
    assert to_segments(found)[0][-1].end_s < 5.1


def test_several_references_vote(make_video):
    query = make_video("query", LINE)
    good = [make_video(name, LINE, noise=0.2, seed=i) for i, name in enumerate("pq")]
    maps = [align(video, query) for video in good]
    half = [Segment(0, 4, "a"), Segment(4, 8, "b")]
    found = transfer_labels(maps, Segments({"p": half, "q": half}), query)
    assert (found.label[:38] == "a").all()
    assert (found.label[42:] == "b").all()
    disagree = transfer_labels(maps, Segments({"p": half, "q": [Segment(0, 8, "b")]}), query)
    assert disagree.confidence[:35].max() < found.confidence[:35].min()


def test_what_cannot_be_carried_is_refused(make_video):
    reference, query = make_video("ref", LINE), make_video("query", LINE)
    found = align(reference, query)
    with pytest.raises(InputError, match="no labels"):
        transfer_labels(found, Segments({"other": [Segment(0, 1, "a")]}))
    with pytest.raises(InputError, match="one video at a time"):
        transfer_labels([found, found.inverse()], Segments({"ref": [Segment(0, 1, "a")], "query": []}), query)
    with pytest.raises(InputError, match="no time map"):
        transfer_labels([], Segments({}))


def test_a_vote_is_the_confidence_of_its_match_over_all_references(make_video):
    """One reference sees the whole of the query, the other half of it: beyond that half it has no vote."""
    query = make_video("query", LINE)

    def map_from(name, until, confidence):
        rows = np.arange(until)
        times_s = query.time_s[:until]
        sure = np.full(until, confidence, np.float32)
        return TimeMap(name, "query", rows, times_s, rows, times_s, np.zeros(until), sure, 0.9)

    maps = [map_from("p", 80, 0.6), map_from("q", 40, 0.3)]
    segments = Segments({"p": [Segment(0, 9, "a")], "q": [Segment(0, 9, "b")]})
    found = transfer_labels(maps, segments, query)
    assert set(found.label) == {"a"}
    np.testing.assert_allclose(found.confidence, 0.3, rtol=1e-6)  # 0.6 of two votes
    agreed = transfer_labels(maps, Segments({"p": segments["p"], "q": [Segment(0, 9, "a")]}), query)
    np.testing.assert_allclose(agreed.confidence, np.where(np.arange(80) < 40, 0.45, 0.3), rtol=1e-6)
    rows, confidence = to_segments(agreed, end_s=8.0)
    assert rows == [Segment(0.0, 8.0, "a")]
    assert confidence == [pytest.approx(0.375)]
