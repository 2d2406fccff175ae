from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mvssl.errors import InputError
from mvssl.statistics import bootstrap_interval, bootstrap_mean, paired_comparison


def test_interval_of_a_mean_equals_scipy(rng):
    values = rng.gamma(2.0, size=40)
    ours = bootstrap_mean(values, generator=np.random.default_rng(1), num_resamples=20_000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=2).confidence_interval
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_coverage(rng):
    """95 % intervals of 150 samples of known mean hold it about 95 % of the time."""
    held = 0
    for _ in range(150):
        low, high = bootstrap_mean(rng.normal(3.0, 1.0, size=60), generator=rng, num_resamples=400)
        held += low <= 3.0 <= high
    assert 133 <= held <= 149


def test_a_ratio_weighs_videos_by_their_frames(rng):
    sums = np.array([[90.0, 100.0], [0.0, 1.0]])  # resamples: 90/100, 90/101, 0/1
    low, high = bootstrap_interval(sums, lambda s: s[:, 0] / s[:, 1], generator=rng, num_resamples=4000)
    assert (low, high) == (0.0, 0.9)


def test_undefined_videos_are_left_out_and_one_video_has_no_interval(rng):
    values = np.array([1.0, np.nan, 1.0])
    assert bootstrap_mean(values, generator=rng) == (1.0, 1.0)
    assert np.isnan(bootstrap_mean(values[:2], generator=rng)).all()


def test_paired_comparison_sees_a_small_shift_under_large_spread(rng):
    b = rng.normal(0, 10, size=50)
    a = b + 0.5 + rng.normal(0, 0.5, size=50)
    found = paired_comparison(a, b, generator=rng)
    assert found.difference == pytest.approx((a - b).mean())
    assert found.interval[0] > 0
    assert found.p_value < 0.001


def test_paired_comparison_is_exact_for_few_videos(rng):
    """Four equal shifts: of the 16 exchanges two are as extreme."""
    found = paired_comparison(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4) + [0.0, 1.0, 2.0, 3.0], generator=rng)
    assert found.p_value == pytest.approx(2 / 16)
    assert found.difference == 1.0


def test_paired_comparison_leaves_undefined_videos_out_and_counts_them(rng):
    found = paired_comparison(np.array([1.0, np.nan, 3.0]), np.array([0.0, 1.0, 2.0]), generator=rng)
    assert (found.num_videos, found.num_left_out) == (2, 1)
    with pytest.raises(InputError, match="same videos"):
        paired_comparison(np.zeros(3), np.zeros(4), generator=rng)
    with pytest.raises(InputError, match="two videos"):
        paired_comparison(np.array([1.0, np.nan]), np.zeros(2), generator=rng)
