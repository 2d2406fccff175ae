"""The curve from evidence to probability."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mvssl.alignment import IMAGENET, TRAINED, Calibration, Evidence, align, fit_calibration, pair_probability
from mvssl.alignment.confidence import match_confidence, path_evidence
from mvssl.dtw import WarpingPath
from mvssl.errors import InputError

LINE = np.linspace(0, 1, 60)


def drawn(rng, contrast, similarity, bias, num_pairs=4000):
    evidence = np.stack([rng.uniform(0.01, 0.4, num_pairs), rng.uniform(0, 1, num_pairs)], axis=1)
    chance = 1 / (1 + np.exp(-(contrast * evidence[:, 0] + similarity * evidence[:, 1] + bias)))
    return evidence, rng.random(num_pairs) < chance


def test_the_fit_recovers_the_curve_that_drew_the_answers(rng):
    evidence, alike = drawn(rng, 15.0, 4.0, -5.0)
    found = fit_calibration(evidence, alike)
    assert found.contrast == pytest.approx(15.0, rel=0.15)
    assert found.similarity == pytest.approx(4.0, rel=0.15)
    # both kinds weigh the same: the mean probability of the matches and of the others is balanced about one half
    odds = np.log(alike.mean() / (1 - alike.mean()))
    assert found.bias == pytest.approx(-5.0 - odds, abs=0.6)


def test_evidence_that_falls_with_the_answer_gets_no_weight(rng):
    evidence, alike = drawn(rng, -15.0, 4.0, 1.0)
    found = fit_calibration(evidence, alike)
    assert found.contrast == 0.0
    assert found.similarity > 2.0
    with pytest.raises(InputError, match="does not tell the actions apart"):
        fit_calibration(*drawn(rng, -15.0, -4.0, 4.0))
    with pytest.raises(InputError, match="all of one kind"):
        fit_calibration(evidence, np.ones(len(evidence), bool))


def test_cleanly_separated_pairs_give_a_finite_curve():
    evidence = np.array([[0.01, 0.1], [0.02, 0.1], [0.3, 0.9], [0.4, 0.8]])
    found = fit_calibration(evidence, np.array([False, False, True, True]))
    assert np.isfinite(found[:3]).all()
    assert pair_probability(Evidence(0.35, 0.85), found) > 0.5 > pair_probability(Evidence(0.01, 0.1), found)


@pytest.mark.parametrize("calibration", [IMAGENET, TRAINED])
def test_matches_no_closer_than_chance_are_none(calibration):
    assert pair_probability(Evidence(0.0, 1.0), calibration) == 0.0
    assert pair_probability(Evidence(0.9, 0.95), calibration) > pair_probability(Evidence(0.01, 0.3), calibration)


def test_align_asks_the_calibration_that_it_is_given(make_video):
    reference, query = make_video("a", LINE), make_video("b", LINE, noise=0.3)
    assert align(reference, query, calibration=Calibration(0.0, 0.0, 9.0)).probability > 0.99
    assert not align(reference, query, calibration=Calibration(0.0, 0.0, -9.0)).looks_alike
    similar = align(reference, query, calibration=Calibration(0.0, 1.0, 0.0)).probability
    cosine = np.log(similar / (1 - similar))
    assert 0.8 < cosine <= 1.0  # of the matched frames as they stand


def path_through(cost, rows, columns, value):
    cost[rows, columns] = value
    return WarpingPath(np.array(rows), np.array(columns), value)


@pytest.mark.parametrize(
    ("rows", "columns", "covered"),
    [
        (range(10), range(10), 20 / 30),  # all of the reference, half of the query
        (range(2, 7), range(5, 10), 10 / 30),
        ([4], [17], 2 / 30),
        ([0, 4, 9], [0, 9, 19], 1.0),  # what counts is where the path begins and ends
    ],
)
def test_a_path_that_covers_little_is_little_evidence(rows, columns, covered):
    cost = np.full((10, 20), 0.8)
    path = path_through(cost, list(rows), list(columns), 0.2)
    cosine = np.linspace(0.5, 0.7, len(path.query))
    found = path_evidence(cost, path, cosine)
    assert found.contrast == pytest.approx((1 - 0.2 / 0.8) * covered)
    assert found.similarity == pytest.approx(0.6 if len(cosine) > 1 else 0.5)
    assert path_evidence(cost, path, cosine, covered=1.0).contrast == pytest.approx(0.75)
    assert path_evidence(np.zeros((10, 20)), path, cosine).contrast == 0.0


def test_a_match_is_as_sure_as_the_pair_and_surer_the_more_cells_cost_more():
    cost = np.arange(24.0).reshape(4, 6)
    path = WarpingPath(np.array([0, 1, 2, 3]), np.array([0, 1, 1, 5]), 0.0)
    for probability in (1.0, 0.4):
        dearer = [(cost > cost[row, column]).sum() / 24 for row, column in zip(path.reference, path.query)]
        found = match_confidence(cost, path, probability)
        np.testing.assert_allclose(found, probability * np.array(dearer), rtol=1e-6)
        assert found.dtype == np.float32


def test_the_probability_of_a_pair_reads_the_share_that_is_matched(make_video):
    """Half of the query shows the reference; as a whole it has half of the evidence that the half alone has."""
    reference, half = make_video("a", LINE), make_video("b", LINE, noise=0.3)
    other = make_video("c", np.r_[LINE, np.full(60, 5.0)], noise=0.3)
    sure, less = (
        align(reference, query, ends="open", calibration=Calibration(4.0, 0.0, -1.5)) for query in (half, other)
    )
    assert less.probability < sure.probability - 0.1
    assert less.confidence.max() < sure.confidence.max()


def test_the_fit_keeps_the_range_of_its_evidence(rng):
    evidence, alike = drawn(rng, 15.0, 4.0, -5.0)
    found = fit_calibration(evidence, alike)
    np.testing.assert_allclose(found.contrast_range, np.quantile(evidence[:, 0], [0.01, 0.99]))
    np.testing.assert_allclose(found.similarity_range, np.quantile(evidence[:, 1], [0.01, 0.99]))
    assert found.covers(Evidence(0.2, 0.5))
    for beyond in (Evidence(-0.1, 0.5), Evidence(0.6, 0.5), Evidence(0.2, -0.3), Evidence(0.2, 1.2)):
        assert not found.covers(beyond)
    assert found.covers(Evidence(0.9, 1.2))  # both stronger than anything it was fitted on


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.499])
@pytest.mark.parametrize("calibrated", [True, False])
def test_low_probabilities_are_no_answer(make_video, probability, calibrated):
    found = align(make_video("a", LINE), make_video("b", LINE, action=1))
    found = dataclasses.replace(found, probability=probability, calibrated=calibrated)
    assert found.verdict.startswith("not sure")
    assert f"{probability:.2f}" in found.verdict
    assert not any(words in found.verdict for words in ("does not look", "not the same"))
    assert ("not calibrated for this kind of video" in found.verdict) == (not calibrated)


def test_outside_the_fitted_range_the_words_say_so(make_video):
    reference, query = make_video("a", LINE), make_video("b", LINE, noise=0.3)
    wide = Calibration(0.0, 0.0, 3.0)
    assert "not calibrated" not in align(reference, query, calibration=wide).verdict
    narrow = wide._replace(similarity_range=(0.1, 0.2))
    found = align(reference, query, calibration=narrow)
    assert not found.calibrated
    assert "not calibrated for this kind of video" in found.verdict
    both = wide._replace(similarity_range=(0.1, 0.2), contrast_range=(0.0, 0.1))
    assert "not calibrated" not in align(reference, query, calibration=both).verdict


@pytest.mark.parametrize("curve", [IMAGENET, TRAINED])
def test_shipped_curves_state_where_they_hold(curve):
    for low, high in (curve.contrast_range, curve.similarity_range):
        assert -1 < low < high < 1
