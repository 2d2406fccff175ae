from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from mvssl.errors import InputError
from mvssl.evaluation import KendallTau, kendall_tau
from mvssl.evaluation.kendall_tau import tau_b
from mvssl.frames import Frames


def clock(num_frames):
    return ((np.arange(num_frames) + 0.5) / num_frames)[:, None]


def golden_rows(n, d, s):
    i, j = np.meshgrid(np.arange(n), np.arange(d), indexing="ij")
    rows = np.sin(0.7 * i + 1.3 * j + 0.11 * i * j + s)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 2**31 - 1))
def test_tau_b_equals_scipy(n, columns, seed):
    neighbour = np.random.default_rng(seed).integers(0, 6, (n, columns))
    expected = [
        kendalltau(np.arange(n), column).statistic if len(set(column)) > 1 else np.nan for column in neighbour.T
    ]
    np.testing.assert_allclose(tau_b(neighbour), expected, atol=1e-12)


@pytest.mark.parametrize("values", [3, 64, 1000])
@pytest.mark.parametrize("num_frames", [200, 201, 400])
def test_tau_b_of_long_videos_equals_scipy(values, num_frames):
    neighbour = np.random.default_rng(0).integers(0, values, (num_frames, 4))
    neighbour[:, 0].sort()
    neighbour[:, 1] = 0
    expected = [kendalltau(np.arange(num_frames), column).statistic for column in neighbour.T]
    np.testing.assert_allclose(tau_b(neighbour), expected, atol=1e-12)
    np.testing.assert_allclose(tau_b(neighbour.astype(np.int16)), expected, atol=1e-12)


def test_a_known_warp_of_time_gives_one_and_reversal_minus_one():
    content = np.stack([np.cos(np.arange(61) / 20), np.sin(np.arange(61) / 20)], axis=1)  # 61 moments of one action
    slow, fast, skipped = content, content[::2], np.delete(content, [20, 21, 22, 23], axis=0)
    assert kendall_tau([fast, slow]).per_video[0] == 1.0  # every frame has its own partner
    assert kendall_tau([skipped, slow]).per_video[0] == 1.0
    assert kendall_tau([slow, fast]).per_video[0] > 0.99  # pairs of frames share a partner: ties
    assert kendall_tau([slow, slow[::-1]]).value == -1.0


def test_a_constant_video_is_undefined_and_counted():
    constant = np.ones((12, 3)) / 3**0.5
    generator = np.random.default_rng(0)
    moving = [generator.normal(size=(n, 3)) for n in (9, 14)]
    result = kendall_tau([moving[0], constant, moving[1]])
    # all frames find frame 0 of the constant video, and the constant video's frames all find the same frame
    assert result.undefined == 4
    assert result.details["num_pairs"] == 6
    assert np.isnan(result.per_video[1])
    assert result.value == pytest.approx(kendall_tau(moving).value)
    everything = kendall_tau([constant, constant])
    assert np.isnan(everything.value)
    assert everything.undefined == 2


def test_stride_takes_every_nth_frame():
    generator = np.random.default_rng(1)
    videos = [generator.normal(size=(n, 4)).cumsum(0) for n in (20, 31, 26)]
    assert kendall_tau(videos, stride=3).value == kendall_tau([v[::3] for v in videos]).value


def test_one_frame_has_no_order():
    assert kendall_tau([np.zeros((1, 2)), np.ones((5, 2))]).undefined == 2


@pytest.mark.real_data
def test_equals_the_published_code(goldens_root):
    """Values of CARL's evaluator, per pair, also with a constant video."""
    golden = json.loads((goldens_root / "core.json").read_text())
    videos = [golden_rows(12, 8, 0), golden_rows(9, 8, 0.4), golden_rows(15, 8, 1.1)]
    for stride in (1, 2):
        entry = golden[f"Kendall tau-b, mean over 6 ordered pairs, stride {stride}"]
        result = kendall_tau(videos, stride=stride)
        assert result.value == pytest.approx(entry["value"], abs=1e-9)
        for pair, value in entry["per_pair"].items():
            i, j = map(int, pair.split("->"))
            assert result.details["pairs"][i, j] == pytest.approx(value, abs=1e-9)
    constant = [videos[0], np.ones((4, 8)) / 8**0.5, videos[1]]
    expected = golden["Kendall tau-b with a constant sequence (NaN pairs dropped)"]["value"]
    assert kendall_tau(constant).value == pytest.approx(expected, abs=1e-9)


def test_actions_are_averaged_and_the_clock_stands_beside(make_video, rng):
    forwards = [make_video(f"a{i}", num_frames=20 + 10 * i, label="a") for i in range(3)]
    backwards = [make_video(f"b{i}", clock(30)[:: 1 - 2 * i], label="b") for i in range(2)]
    alone = [make_video("c", label="c")]
    result = KendallTau().evaluate(Frames(forwards + backwards + alone))
    expected = kendall_tau([video.embedding for video in forwards]).value
    assert result.details["per_action"] == pytest.approx({"a": expected, "b": -1.0})
    assert result.value == pytest.approx((expected - 1) / 2)
    assert result.controls["time only"] == pytest.approx((expected + 1) / 2)
    assert result.details["actions_left_out"] == ["c"]
    assert np.isnan(result.per_video[result.videos.index("c")])


def test_bad_input_is_named():
    broken = clock(6).copy()
    broken[3] = np.nan
    with pytest.raises(InputError, match="row 3 holds NaN"):
        kendall_tau([clock(5), broken])
    with pytest.raises(InputError, match="only one"):
        kendall_tau([clock(5)])
    with pytest.raises(InputError, match="2 features, the first has 1"):
        kendall_tau([clock(5), np.zeros((4, 2))])
    with pytest.raises(InputError, match="empty"):
        kendall_tau([])
