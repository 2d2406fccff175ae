"""Offsets between cameras, key moments, phase progression: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from mvssl.alignment import linear_map
from mvssl.errors import InputError
from mvssl.evaluation import KeyMoments, Offsets, PhaseProgression, estimate_offset, phase_progression
from mvssl.frames import Frames
from mvssl.labels import Segment, Segments


def content(time_s):
    return np.stack([np.cos(time_s), np.sin(time_s), np.cos(2.3 * time_s)], axis=1)


@pytest.mark.parametrize(("shift", "fps"), [(0, 10), (12, 10), (-9, 10), (7, 25)])
def test_offset_is_found_to_the_frame(rng, shift, fps):
    times = np.arange(80) / fps
    first, second = np.arange(20, 60), np.arange(20 + shift, 62 + shift)
    noisy = content(times[second]) + 0.05 * rng.normal(size=(42, 3))
    found = estimate_offset(noisy, content(times[first]), np.arange(42) / fps, np.arange(40) / fps)
    assert found == pytest.approx(shift / fps)


def test_offset_between_different_rates():
    slow, fast = np.arange(0, 6, 0.1), np.arange(1.2, 5, 0.04)
    assert estimate_offset(content(fast), content(slow), fast - 1.2, slow) == pytest.approx(1.2, abs=0.05)


def test_offsets_of_cut_cameras_and_of_the_clock(make_video):
    source = np.arange(100) / 10
    cameras = []
    for i, (first, last) in enumerate([(0, 70), (23, 95), (10, 60)]):
        shown = source[first:last]
        extra = {"source_time_s": shown[:, None]}
        cameras.append(make_video(f"c{i}", content(shown), session="take", camera=str(i), extra=extra))
    result = Offsets().evaluate(Frames(cameras))
    assert result.value == {"mean_s": pytest.approx(0, abs=1e-6), "median_s": pytest.approx(0, abs=1e-6), "within": 1.0}
    assert result.controls["time only"]["mean_s"] == pytest.approx((2.3 + 1.3 + 1.0) / 3, abs=1e-6)
    uncut = [make_video(f"c{i}", content(source), session="take") for i in range(2)]
    assert Offsets().evaluate(Frames(uncut)).controls["time only"]["mean_s"] == 0.0
    with pytest.raises(InputError, match="two cameras"):
        Offsets().evaluate(Frames(cameras[:1]))
    with pytest.raises(InputError, match="two frames"):
        estimate_offset(np.zeros((1, 2)), np.zeros((4, 2)), np.zeros(1), np.arange(4.0))


@pytest.fixture
def moments(make_video):
    """Three sessions of two events at different times; the embedding tells the phase and the place within it."""
    videos, segments = [], Segments()
    for i, cuts in enumerate([(1.0, 2.0, 3.0), (0.5, 2.5, 4.0), (1.5, 2.0, 2.5)]):
        time_s = np.arange(round(cuts[-1] * 10)) / 10
        place = np.interp(time_s, [0, *cuts], [0, 1, 2, 3])
        videos.append(make_video(f"v{i}", place[:, None], session=f"s{i}"))
        edges = zip((0.0, *cuts), cuts, ("a", "b", "c"))
        segments[f"v{i}"] = [Segment(start_s, end_s, label) for start_s, end_s, label in edges]
    return Frames(videos), segments


def test_key_moments_of_a_perfect_embedding(moments):
    frames, segments = moments
    result = KeyMoments().evaluate(frames, segments)
    assert result.value["nearest_s"] == pytest.approx(0, abs=0.051)  # half a frame of the reference
    assert result.value["dtw_s"] < 0.1
    assert result.value["nearest_phase_error"] < 0.03
    assert result.controls["time only"]["nearest_s"] > 0.3
    assert result.controls["time only"]["nearest_phase_error"] > 0.15
    assert (result.undefined, result.details["num_pairs"]) == (0, 6)
    for name in ("nearest_s", "dtw_s", "aligned_s"):  # the line is a control of every way
        assert result.controls["linear map"][name] == pytest.approx(result.controls["time only"]["dtw_s"], abs=0.05)


def test_key_moments_are_carried_as_the_command_does_it(moments):
    frames, segments = moments
    angles = [v.embedding * np.arange(1, 9) for v in frames]
    rows = [np.c_[np.cos(angle), np.sin(angle)] for angle in angles]
    turned = frames.with_embeddings(rows, centred=True)  # circles about the origin: not centred again
    result = KeyMoments().evaluate(turned, segments)
    assert result.value["aligned_s"] < 0.1
    found = []
    for query in turned:
        for reference in turned:
            if query is reference:
                continue
            line = linear_map(reference, query)
            for k in (1, 2):
                row = np.argmin(np.abs(query.time_s - segments[query.video][k].start_s))
                truth = segments[reference.video][k].start_s
                found.append(abs(float(line.to_reference(query.time_s[row])) - truth))
    assert result.controls["linear map"]["aligned_s"] == pytest.approx(np.mean(found))


def test_key_moments_missing_in_the_reference_are_counted(moments):
    frames, segments = moments
    segments["v1"] = segments["v1"][:2]
    assert KeyMoments().evaluate(frames, segments).undefined == 2  # "c" of v0 and of v2, looked for in v1
    assert KeyMoments(num_pairs=3).evaluate(frames, segments).details["num_pairs"] == 3
    together = Frames([v._replace(session="same") for v in frames])
    with pytest.raises(InputError, match="different sessions"):
        KeyMoments().evaluate(together, segments)
    with pytest.raises(InputError, match="need labels"):
        KeyMoments().evaluate(frames)


def test_progression_equals_scikit_learn(rng):
    def part(number):
        rows = [rng.normal(size=(int(rng.integers(10, 20)), 4)) for _ in range(number)]
        return rows, [np.c_[r[:, :1] + 0.5 * rng.normal(size=(len(r), 1)), rng.normal(size=(len(r), 1))] for r in rows]

    (x, y), (u, v) = part(6), part(4)
    y[2][:, 1] = v[1][:, 1] = np.nan  # a video without the second event in each split
    result = phase_progression(x, y, u, v)
    expected = []
    for event in (0, 1):
        fit = [i for i in range(6) if not (event == 1 and i == 2)]
        test = [i for i in range(4) if not (event == 1 and i == 1)]
        model = LinearRegression().fit(
            np.concatenate([x[i] for i in fit]), np.concatenate([y[i][:, event] for i in fit])
        )
        truth = np.concatenate([v[i][:, event] for i in test])
        expected.append(r2_score(truth, model.predict(np.concatenate([u[i] for i in test]))))
    np.testing.assert_allclose(result.details["per_event"], expected)
    assert result.value == pytest.approx(np.mean(expected))
    assert result.undefined == 1
    assert result.interval[0] < result.value < result.interval[1]


def test_progression_of_the_truth_is_one_and_missing_events_are_no_error(moments):
    frames, segments = moments
    embedding = [np.c_[v.time_s / v.time_s[-1], np.full(len(v.time_s), i)] for i, v in enumerate(frames)]
    frames = frames.with_embeddings(embedding)
    same = [frames[0]._replace(video=f"w{i}", session=f"t{i}") for i in range(2)]
    segments |= {f"w{i}": segments["v0"] for i in range(2)}
    result = PhaseProgression().evaluate(Frames(same[:1]), segments, Frames([frames[0], same[1]]))
    assert result.value == pytest.approx(1.0)
    assert result.controls["time only"] == pytest.approx(1.0)
    missing = Segments({**segments, "w0": [Segment(0.0, 3.0, "b")]})
    result = PhaseProgression().evaluate(Frames(same[:1]), missing, Frames([frames[0], same[1]]))
    assert result.undefined == 1
    one = Segments({name: [Segment(0.0, 1.0, "a")] for name in segments})
    left_out = PhaseProgression().evaluate(Frames(same[:1]), one, Frames([frames[0]]))
    assert np.isnan(left_out.value)
    assert left_out.details["actions_left_out"] == [""]
    with pytest.raises(InputError, match="labels and training videos"):
        PhaseProgression().evaluate(frames, segments)


def test_directions_that_are_only_rounding_get_no_weight(rng):
    """Centred float32 features of more dimensions than the signal has: the fit must not blow up on new videos."""

    def part(number):
        clocks = [np.linspace(0, 1, int(rng.integers(30, 40))) for _ in range(number)]
        mix = np.random.default_rng(1).normal(size=(1, 60))
        rows = [(clock[:, None] @ mix + 100).astype(np.float32) for clock in clocks]
        return [r - r.mean(0) for r in rows], [clock[:, None] - 0.5 for clock in clocks]

    (x, y), (u, v) = part(10), part(5)
    assert phase_progression(x, y, u, v).value > 0.99
