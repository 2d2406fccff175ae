"""There and back again: closed forms, a plain loop, and what the clock reaches."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import get
from mvssl.evaluation.cycle_consistency import CycleConsistency, cycle_consistency
from mvssl.frames import Frames


def test_equal_videos_come_back_exactly_and_a_constant_one_to_its_first_frame():
    rows = np.arange(5.0)[:, None]
    same = cycle_consistency([rows, rows], [np.arange(5) / 10] * 2)
    assert same.value == {"error_s": 0.0, "hit": 1.0}
    blind = cycle_consistency([np.ones((5, 2))] * 2, [np.arange(5) / 10] * 2, tolerance_s=0.1)
    assert blind.value == {"error_s": pytest.approx(0.2), "hit": pytest.approx(2 / 5)}  # 0, .1, .2, .3, .4 s
    assert blind.controls["random frame"]["error_s"] == pytest.approx(0.16)  # mean |i - j| / 10 of 5 frames


def test_a_video_that_shows_half_sends_the_other_half_to_its_end():
    whole, half = np.arange(8.0)[:, None], np.arange(4.0)[:, None]
    found = cycle_consistency([whole, half], [np.arange(8.0), np.arange(4.0)])
    assert found.per_video["error_s"].tolist() == [pytest.approx((1 + 2 + 3 + 4) / 8), 0.0]
    assert found.details["pairs"][0, 1] == pytest.approx(1.25)


def test_equals_a_plain_loop(rng):
    videos = [rng.normal(size=(int(n), 3)) for n in (7, 11, 6)]
    times = [np.sort(rng.uniform(0, 3, len(rows))) for rows in videos]
    expected = []
    for i, rows in enumerate(videos):
        errors = []
        for j, other in enumerate(videos):
            for t, row in enumerate(rows if i != j else ()):
                there = ((other - row) ** 2).sum(1).argmin()
                back = ((rows - other[there]) ** 2).sum(1).argmin()
                errors.append((j, abs(times[i][back] - times[i][t])))
        expected.append(np.mean([np.mean([e for k, e in errors if k == j]) for j in {k for k, _ in errors}]))
    assert np.allclose(cycle_consistency(videos, times).per_video["error_s"], expected)


def test_within_actions_and_beside_the_clock(make_video, rng):
    videos = [make_video(f"a{i}", rng.normal(size=(20, 2)), label="a") for i in range(3)]
    videos += [make_video(f"b{i}", np.arange(12.0)[:, None] * [1.0, 0.0], label="b") for i in range(2)]
    videos.append(make_video("c", rng.normal(size=(9, 2)), label="c"))
    result = CycleConsistency().evaluate(Frames(videos))
    assert result.undefined == 1
    assert np.isnan(result.per_video["error_s"][5])
    assert result.per_video["error_s"][3:5].tolist() == [0.0, 0.0]
    assert result.value["error_s"] == pytest.approx(np.nanmean(result.per_video["error_s"]))
    assert result.controls["time only"]["error_s"] < 1e-9  # equal lengths: a clock is perfectly consistent
    assert result.controls["time only"]["hit"] == 1.0
    assert result.interval["error_s"][0] <= result.value["error_s"] <= result.interval["error_s"][1]
    assert get("cycle_consistency") is CycleConsistency


@pytest.mark.parametrize(
    ("embeddings", "times", "message"),
    [
        ([np.ones((3, 1))], [np.arange(3)], "only one"),
        ([np.ones((3, 1))] * 2, [np.arange(3), np.arange(4)], "one time for each frame"),
        ([np.ones((3, 1)), np.full((3, 1), np.nan)], [np.arange(3)] * 2, "NaN"),
    ],
)
def test_what_is_refused(embeddings, times, message):
    with pytest.raises(InputError, match=message):
        cycle_consistency(embeddings, times)


def test_single_videos_of_every_action_are_refused(make_video):
    with pytest.raises(InputError, match="two videos of one action"):
        CycleConsistency().evaluate(Frames([make_video("a", label="a"), make_video("b", label="b")]))
