"""The published protocol of segment scores (Lea et al. 2017), against its definitions written out plainly."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import Segmentation, segment_scores


def runs(labels, background):
    """(label, start, end) of the runs of one label, those of the background left out afterwards."""
    out = []
    for i, label in enumerate(labels):
        if i and label == labels[i - 1]:
            out[-1][2] = i + 1
        else:
            out.append([label, i, i + 1])
    return [run for run in out if run[0] not in background]


def edit(found, truth):
    table = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(truth) + 1)] for i in range(len(found) + 1)]
    for i in range(1, len(found) + 1):
        for j in range(1, len(truth) + 1):
            swap = table[i - 1][j - 1] + (found[i - 1] != truth[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, swap)
    return 100 * (1 - table[-1][-1] / max(len(found), len(truth)))


def f1(found, truth, least):
    used, right = [False] * len(truth), 0
    for label, start, end in found:
        shares = [
            (min(end, e) - max(start, s)) / (max(end, e) - min(start, s)) if name == label else 0
            for name, s, e in truth
        ]
        best = shares.index(max(shares))
        if shares[best] >= least and not used[best]:
            used[best], right = True, right + 1
    if not right:
        return 0.0
    precision, recall = right / len(found), right / len(truth)
    return 100 * 2 * precision * recall / (precision + recall)


def reference(found, truth, background):
    """Means over videos."""
    pairs = [(runs(a, background), runs(b, background)) for a, b in zip(found, truth)]
    scores = {"edit": np.mean([edit([run[0] for run in a], [run[0] for run in b]) for a, b in pairs])}
    return scores | {f"F1@{q}": np.mean([f1(a, b, q / 100) for a, b in pairs]) for q in (10, 25, 50)}


def noisy(rng, truth):
    """A guess with wrong, cut and shifted pieces."""
    guess = np.roll(truth, rng.integers(-3, 4))
    for start in rng.integers(0, len(truth) - 4, 4):
        guess[start : start + rng.integers(1, 5)] = rng.integers(0, 4)
    return guess


@pytest.mark.parametrize("background", [(), (0,), (0, 3)])
def test_equals_the_definitions_written_out(rng, background):
    truth = [np.repeat([0, *rng.integers(0, 4, n), 1], 5 + int(n)) for n in (4, 9, 2, 6)]
    found = [noisy(rng, row) for row in truth]
    result = segment_scores(found, truth, background=background)
    assert result.value == pytest.approx(reference(found, truth, background))
    names = {str(label) for label in background}
    as_words = segment_scores([row.astype(str) for row in found], [row.astype(str) for row in truth], background=names)
    assert as_words.value == result.value


def test_background_of_that_name_counts_neither_found_nor_missed_and_parts_what_it_parts():
    truth = np.array(["background"] * 4 + ["a"] * 4 + ["background"] * 2 + ["a"] * 4)
    found = np.array(["b"] * 2 + ["background"] * 2 + ["a"] * 4 + ["background"] * 2 + ["a"] * 4)
    value = segment_scores([found], [truth]).value
    assert value["edit"] == pytest.approx(100 * 2 / 3)  # b, a, a for a, a
    assert value["F1@50"] == pytest.approx(100 * 2 * 2 / (3 + 2))
    assert segment_scores([found], [truth], background=()).value["F1@50"] == pytest.approx(100 * 2 * 4 / (5 + 4))


def test_a_segment_is_held_against_the_true_one_it_overlaps_most_though_another_would_do():
    """The first a found (IoU 2/7 and 4/12) and the second (4/9) both take the second true one: one is right of 3 and 3."""
    truth, found = np.array(list("aabaaaaaaaaa")), np.array(list("aaaaaaabaaaa"))
    assert segment_scores([found], [truth], overlaps=(0.1,)).value["F1@10"] == pytest.approx(100 * 2 * 1 / (3 + 3))


def test_videos_weigh_alike_or_by_their_segments():
    truth = [np.array(list("ab")), np.array(list("abababab"))]
    found = [np.array(list("ab")), np.array(list("bababababa"))[:8]]
    assert segment_scores(found, truth).value["F1@10"] == pytest.approx(50.0)
    pooled = segment_scores(found, truth, over="segments")
    assert pooled.value["F1@10"] == pytest.approx(100 * 2 * 2 / (10 + 10))
    assert pooled.value["edit"] == segment_scores(found, truth).value["edit"]
    assert np.isfinite(pooled.interval["F1@10"]).all()
    with pytest.raises(InputError, match="'videos' or 'segments'"):
        segment_scores(found, truth, over="frames")


def test_nothing_but_background_is_undefined_in_truth_and_nought_when_found():
    nothing, something = np.array(["background"] * 4), np.array(["a"] * 4)
    result = segment_scores([something, nothing], [nothing, something])
    assert result.undefined == 1
    assert np.isnan(result.per_video["edit"][0])
    assert result.value == {"edit": 0.0, "F1@10": 0.0, "F1@25": 0.0, "F1@50": 0.0}


def test_the_component_takes_the_protocol(phased):
    frames, segments = phased
    name = segments.labels[0]
    val, train = frames.where(split="val"), frames.where(split="train")
    every = Segmentation().evaluate(val, segments, train)
    less = Segmentation(background=(name,), over="segments").evaluate(val, segments, train)
    assert less.details["over"] == "segments"
    assert less.value["F1@50"] > 80
    assert every.units == less.units != ()
