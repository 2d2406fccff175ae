"""Properties that all samplers keep, and what each of them promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mvssl.errors import InputError
from mvssl.sampling import (
    CarlCodeSampler,
    CarlSampler,
    CvrlSampler,
    DenseSampler,
    LavSampler,
    SegmentsSampler,
    SyncedSampler,
    TccSampler,
    UniformSampler,
    WindowsSampler,
    leave_room,
)
from mvssl.sampling.cvrl import distance_quantile
from mvssl.types import Video

SAMPLERS = {
    "carl": lambda t: CarlSampler(num_frames=t),
    "carl_at_fps": lambda t: CarlSampler(num_frames=t, fps=10.0),
    "carl_code": lambda t: CarlCodeSampler(num_frames=t),
    "cvrl": lambda t: CvrlSampler(num_frames=t),
    "uniform": lambda t: UniformSampler(num_frames=t),
    "segments": lambda t: SegmentsSampler(num_frames=t, num_views=2),
    "dense": lambda t: DenseSampler(num_frames=t, stride=3, num_views=2),
    "windows": lambda t: WindowsSampler(num_frames=t, overlap=t // 2),
    "tcc": lambda t: TccSampler(num_frames=t),
    "lav": lambda t: LavSampler(num_frames=t),
    "synced": lambda t: SyncedSampler(num_frames=t, num_views=1),
}


def video(num_frames: int, *, fps: float = 25.0, start_s: float = 0.0, **more) -> Video:
    name = more.pop("id", "v")
    return Video(name, name, start_s, start_s + num_frames / fps, fps, num_frames, 64, 48, **more)


def frames(request, fps: float = 25.0, start_s: float = 0.0) -> np.ndarray:
    """Frame numbers on screen at the valid instants of a constant-rate video."""
    return np.floor((request.time_s[request.mask] - start_s) * fps + 1e-9).astype(int)


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=40, deadline=None)
@given(
    num_frames=st.integers(1, 40),
    total=st.integers(1, 300),
    fps=st.sampled_from([5.0, 23.976, 30.0]),
    start_s=st.sampled_from([0.0, 7.25]),
    seed=st.integers(0, 2**32),
)
def test_requests_stay_inside_and_are_a_function_of_the_seed(name, num_frames, total, fps, start_s, seed):
    sampler = SAMPLERS[name](num_frames)
    session = (video(total, fps=fps, start_s=start_s),)
    requests = sampler(session, np.random.default_rng(seed))
    assert tuple(requests) == tuple(sampler.views)
    again = sampler(session, np.random.default_rng(seed))
    for view, request in requests.items():
        assert request.time_s.shape == request.mask.shape == (num_frames,)
        assert request.time_s.dtype == np.float64
        assert (request.time_s >= start_s).all()
        assert (request.time_s < session[0].end_s).all()
        assert request.mask[0] or name == "carl_code"
        assert not np.diff(request.mask.astype(int)).any() or np.all(np.diff(request.mask.astype(int)) <= 0)
        if name != "cvrl":  # which loops short videos
            assert np.all(np.diff(request.time_s) >= 0)
        np.testing.assert_array_equal(request.time_s, again[view].time_s)


@settings(max_examples=100, deadline=None)
@given(num_frames=st.integers(1, 60), total=st.integers(1, 400), overlap=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_carl_views_are_subsets_of_blocks_that_overlap(num_frames, total, overlap, seed):
    stretch = 1.5
    sampler = CarlSampler(num_frames=num_frames, max_stretch=stretch, min_overlap=overlap)
    a, b = (frames(r) for r in sampler((video(total),), np.random.default_rng(seed)).values())
    num = min(num_frames, total)
    for view in (a, b):
        assert len(view) == num
        assert np.all(np.diff(view) >= 1)  # no frame twice
        assert view[-1] - view[0] + 1 <= min(total, math.ceil(stretch * num))
    # blocks of at most ceil(a n) that share ceil(b n) lie in a span of 2 ceil(a n) - ceil(b n)
    span = max(a[-1], b[-1]) - min(a[0], b[0]) + 1
    assert span <= 2 * math.ceil(stretch * num) - math.ceil(overlap * num)


def test_carl_with_full_blocks_shows_the_overlap_itself(rng):
    """max_stretch 1 makes view = block, so the shared frames can be counted; all places allowed are equally likely."""
    sampler = CarlSampler(num_frames=10, max_stretch=1.0, min_overlap=0.3)
    shifts = []
    for _ in range(3000):
        a, b = (frames(r) for r in sampler((video(100),), rng).values())
        assert len(np.intersect1d(a, b)) >= 3
        if 10 <= a[0] <= 80:
            shifts.append(b[0] - a[0])
    counts = np.bincount(np.array(shifts) + 7, minlength=15)
    assert len(counts) == 15  # -7 .. 7
    assert stats.chisquare(counts).pvalue > 1e-3


def test_carl_reaches_every_part_of_a_long_video(rng):
    starts = [frames(CarlSampler(num_frames=16)((video(400),), rng)["a"])[0] for _ in range(500)]
    assert min(starts) < 40
    assert max(starts) > 330


def test_carl_pads_a_short_video_with_its_last_frame(rng):
    requests = CarlSampler(num_frames=8)((video(5),), rng)
    for request in requests.values():
        np.testing.assert_array_equal(request.mask, [True] * 5 + [False] * 3)
        np.testing.assert_array_equal(frames(request), np.arange(5))
        assert (request.time_s[5:] == request.time_s[4]).all()


def test_carl_at_a_grid_rate_does_not_depend_on_the_video_rate():
    times = [
        CarlSampler(num_frames=16, fps=10.0)((video(int(20 * fps), fps=fps),), np.random.default_rng(3))["b"].time_s
        for fps in (15.0, 30.0)
    ]
    np.testing.assert_allclose(times[0], times[1], atol=1e-9)


def test_carl_code_has_no_crop_and_a_fifth_of_padding(rng):
    """As measured on the published loaders: the block starts at 0 and 19 % of the slots are padding on average."""
    sampler = CarlCodeSampler(num_frames=80)
    padding, first = [], []
    for _ in range(1000):
        request = sampler((video(400),), rng)["a"]
        padding.append(1 - request.mask.mean())
        first.append(frames(request)[0])
    assert abs(np.mean(padding) - 0.19) < 0.01
    assert np.max(first) < 100


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_cvrl_quantile_inverts_the_distribution_function(power):
    probability = np.linspace(0, 1, 101)
    k = distance_quantile(probability, 7.0, power)
    f = (power + 1) / power * (k / 7) - (k / 7) ** (power + 1) / power
    np.testing.assert_allclose(f, probability, atol=1e-9)


def test_cvrl_distance_follows_the_density(rng):
    """By Kolmogorov-Smirnov: the continuous distance, and the sampler's with its whole frames spread out."""
    draws = distance_quantile(rng.random(4000), 1.0)
    assert stats.kstest(draws, lambda k: 2 * k - k**2).pvalue > 1e-3
    assert abs(draws.mean() - 1 / 3) < 0.015
    sampler, longest = CvrlSampler(num_frames=4, stride=2), 1000 - 6
    gaps, order = [], []
    for _ in range(4000):
        a, b = (frames(r)[0] for r in sampler((video(1000),), rng).values())
        gaps.append(abs(a - b))
        order.append(a < b)
    spread = (np.array(gaps) + rng.random(4000)) / longest
    assert stats.kstest(spread, lambda k: 2 * k - k**2).pvalue > 1e-3
    assert abs(np.mean(order) - 0.5) < 0.03


@pytest.mark.parametrize("power", [0.25, 1.0, 4.0])
def test_cvrl_draws_with_its_own_power(rng, power):
    """The mean distance as a part of the longest, in closed form: 1 - (q + 1) / (2 q) + 1 / (q (q + 2))."""
    sampler, longest = CvrlSampler(num_frames=4, stride=2, power=power), 1000 - 6
    starts = [[frames(r)[0] for r in sampler((video(1000),), rng).values()] for _ in range(2000)]
    expected = 1 - (power + 1) / (2 * power) + 1 / (power * (power + 2))
    assert abs(np.mean([abs(a - b) for a, b in starts]) / longest - expected) < 0.02


def test_cvrl_uniform_start_given_the_distance(rng):
    sampler = CvrlSampler(num_frames=2, stride=1)
    starts = []
    for _ in range(3000):
        a, b = (frames(r)[0] for r in sampler((video(102),), rng).values())
        if 20 <= abs(a - b) < 30:
            starts.append(min(a, b) / (101 - abs(a - b)))
    assert stats.kstest(np.array(starts) + rng.random(len(starts)) / 76, "uniform").pvalue > 1e-3


def test_cvrl_loops_a_short_video(rng):
    for request in CvrlSampler(num_frames=8, stride=2)((video(5),), rng).values():
        assert request.mask.all()
        found = frames(request)
        np.testing.assert_array_equal(np.diff(found) % 5, 2)


def test_uniform_is_the_middles_of_equal_parts(rng):
    request = UniformSampler(num_frames=5)((video(100),), rng)["a"]
    np.testing.assert_allclose(request.time_s, (np.arange(5) + 0.5) * 4.0 / 5)


def test_segments_take_one_instant_of_each_part(rng):
    request = SegmentsSampler(num_frames=10)((video(100),), rng)["a"]
    np.testing.assert_array_equal(np.floor(request.time_s / 0.4), np.arange(10))
    still = SegmentsSampler(num_frames=10, jitter=False)((video(100),), rng)["a"]
    np.testing.assert_allclose(still.time_s, (np.arange(10) + 0.5) * 0.4)


def test_dense_is_consecutive_at_its_stride_and_pads(rng):
    found = frames(DenseSampler(num_frames=6, stride=3)((video(100),), rng)["a"])
    np.testing.assert_array_equal(np.diff(found), 3)
    short = DenseSampler(num_frames=6, stride=3)((video(10),), rng)["a"]
    np.testing.assert_array_equal(frames(short), [0, 3, 6, 9])
    assert short.mask.sum() == 4


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 300), num_frames=st.integers(1, 40), data=st.data())
def test_windows_cover_every_frame_in_order(total, num_frames, data):
    overlap = data.draw(st.integers(0, num_frames - 1))
    windows = WindowsSampler(num_frames=num_frames, overlap=overlap).all(video(total))
    seen = [frames(window) for window in windows]
    np.testing.assert_array_equal(np.unique(np.concatenate(seen)), np.arange(total))
    for now, later in zip(seen, seen[1:]):
        assert len(np.intersect1d(now, later)) >= overlap
        assert later[0] > now[0]
    assert all(window.mask.all() for window in windows) or len(windows) == 1


def test_tcc_and_lav_ask_for_context(rng):
    tcc = TccSampler(num_frames=7, context_s=(-0.4, -0.2, 0.0))((video(100),), rng)["a"]
    np.testing.assert_array_equal(tcc.offsets_s, [-0.4, -0.2, 0.0])
    assert len(np.unique(frames(tcc))) == 7
    lav = LavSampler(num_frames=10)((video(100),), rng)["a"]
    np.testing.assert_array_equal(lav.offsets_s, [-0.5, 0.0])
    np.testing.assert_array_equal(np.floor(lav.time_s / 0.4), np.arange(10))


def cameras() -> tuple[Video, ...]:
    return (
        video(100, id="l", session="s", camera="left", offset_s=0.0),
        video(100, id="r", session="s", camera="right", offset_s=1.5, start_s=10.0),
        video(60, id="t", session="s", camera="top", offset_s=11.0),
    )


def test_synced_shows_the_same_instants(rng):
    left, right, top = cameras()
    for _ in range(50):
        requests = SyncedSampler(num_frames=6, cameras=("right", "top"))((left, right, top), rng)
        session_s = [requests["right"].time_s + 1.5, requests["top"].time_s + 11.0]
        np.testing.assert_allclose(session_s[0], session_s[1], atol=1e-9)
        for name, row in (("right", right), ("top", top)):
            assert (requests[name].time_s >= row.start_s).all()
            assert (requests[name].time_s < row.end_s).all()
            assert requests[name].video_id == row.id


def test_synced_piece_has_the_length_asked_for(rng):
    _, right, top = cameras()
    starts = []
    for _ in range(200):
        time_s = SyncedSampler(num_frames=5, clip_s=1.0, cameras=("right", "top"))((right, top), rng)["top"].time_s
        assert time_s[-1] - time_s[0] < 1.0
        starts.append(time_s[0])
    assert max(starts) - min(starts) > 0.8  # 2.4 s are shared


def test_synced_names_what_is_wrong(rng):
    left, right, _ = cameras()
    with pytest.raises(InputError, match="share no instant"):
        SyncedSampler(num_frames=4)((left, right), rng)
    with pytest.raises(InputError, match="none of"):
        SyncedSampler(num_frames=4, cameras=("front",))((left,), rng)
    assert list(SyncedSampler(num_frames=4, cameras=("left", "front"))((left,), rng)) == ["left"]


def test_synced_draws_different_cameras(rng):
    left, _, _ = cameras()
    session = (left, left._replace(id="m", camera="middle"), left._replace(id="n", camera="near"))
    pairs = {tuple(r.video_id for r in SyncedSampler(num_frames=2)(session, rng).values()) for _ in range(200)}
    assert len(pairs) == 6


def test_all_cameras_of_a_session_are_drawn(rng):
    left, _, _ = cameras()
    session = (left, left._replace(id="m", camera="middle"))
    seen = [UniformSampler(num_frames=2)(session, rng)["a"].video_id for _ in range(100)]
    assert 30 < seen.count("m") < 70


def test_leave_room_keeps_the_grid_and_drops_the_end():
    shorter = leave_room(video(100, fps=25.0, start_s=2.0), 0.1)
    assert shorter.num_frames == 97
    assert shorter.end_s == pytest.approx(2.0 + 97 / 25)
    with pytest.raises(InputError, match="after each frame"):
        leave_room(video(2), 0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CarlSampler(num_frames=0), "num_frames must be at least 1, not 0"),
        (lambda: CarlSampler(max_stretch=0.9), "max_stretch"),
        (lambda: CarlSampler(min_overlap=1.2), "min_overlap"),
        (lambda: CvrlSampler(power=0.0), "power"),
        (lambda: CvrlSampler(stride=0), "stride"),
        (lambda: WindowsSampler(num_frames=4, overlap=4), "overlap"),
        (lambda: SyncedSampler(clip_s=0.0), "clip_s"),
        (lambda: UniformSampler()((Video("v", "v"),), np.random.default_rng(0)), "scan the videos first"),
        (
            lambda: UniformSampler()((Video("v", "v", 0.0, 2.0),), np.random.default_rng(0)),
            "neither num_frames nor fps",
        ),
        (lambda: CarlSampler(fps=-1.0)((video(9),), np.random.default_rng(0)), "fps must be positive"),
    ],
)
def test_errors_name_the_rule(make, message):
    with pytest.raises(InputError, match=message):
        make()
