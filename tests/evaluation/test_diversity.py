from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvssl.errors import InputError
from mvssl.evaluation.diversity import Diversity, hyperspherical_energy
from mvssl.frames import Frames


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_orthonormal_rows_are_the_root_of_two_apart(power):
    energy, equal = hyperspherical_energy(np.eye(5), power=power)
    assert equal == 0
    assert energy == pytest.approx(-np.log(2) / 2 if power == 0 else 2 ** (-power / 2))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_equals_a_loop_over_pairs(rng, power):
    rows = rng.normal(size=(7, 3))
    unit = [row / np.linalg.norm(row) for row in rows]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(unit) for b in unit[:i]]
    expected = np.mean([np.log(1 / d) if power == 0 else d**-power for d in distances])
    assert hyperspherical_energy(rows, power=power)[0] == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), power=st.sampled_from([0.0, 1.0, 2.0]))
def test_no_rows_are_more_diverse_than_the_regular_simplex(seed, power):
    simplex = np.eye(5) - 0.2
    rows = np.random.default_rng(seed).normal(size=(5, 5))
    assert hyperspherical_energy(simplex, power=power)[0] <= hyperspherical_energy(rows, power=power)[0] + 1e-9


def test_equal_directions_are_counted_and_not_averaged(rng):
    rows = rng.normal(size=(6, 4))
    again = np.concatenate([rows, 3.0 * rows[:2]])
    assert hyperspherical_energy(again)[1] == 2
    assert np.isfinite(hyperspherical_energy(again)[0])
    energy, equal = hyperspherical_energy(np.ones((4, 3)))
    assert np.isnan(energy)
    assert equal == 6


def test_narrow_is_less_diverse_than_wide(make_video, rng):
    """Frames that share one direction, frames of two dimensions, frames of 64: and each against its random control."""

    def video(name):
        wide = rng.normal(size=(40, 64))
        layers = {"layer_cone": wide + 5.0, "layer_flat": wide[:, :2]}
        return make_video(name, wide)._replace(extra=layers)

    frames = Frames([video("a"), video("b")])
    result = Diversity(num_frames=60).evaluate(frames)
    assert list(result.value) == ["cone", "flat", "embedding"]
    assert result.value["cone"] > result.value["flat"] > result.value["embedding"]
    assert result.value["embedding"] == pytest.approx(-np.log(2) / 2, abs=0.02)
    random = result.controls["random directions"]
    assert random["embedding"] == pytest.approx(result.value["embedding"], abs=0.02)
    assert result.value["cone"] > random["cone"] + 0.5
    assert result.details["width"] == {"cone": 64, "flat": 2, "embedding": 64}
    assert result.details["num_frames"] == 60
    assert Diversity(num_frames=60).evaluate(frames).value == result.value


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.array([[1.0, 0.0], [0.0, 0.0]])])
def test_what_has_no_direction_is_refused(rows):
    with pytest.raises(InputError, match="none of them zero"):
        hyperspherical_energy(rows)
    with pytest.raises(InputError, match="power"):
        hyperspherical_energy(np.eye(3), power=-1.0)
