"""Videos in which nothing moves are named, and match nothing for certain."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.alignment import align, align_repetitions
from mvssl.alignment.movement import movement, nothing_moves
from mvssl.frames import VideoFrames


def frames(name, rows):
    return VideoFrames(name, np.arange(len(rows)), np.arange(len(rows)) * 0.1, np.asarray(rows, dtype=np.float32))


def curve(rng, count=40, noise=0.0):
    """Frames on an arc of 90 degrees in 16 dimensions, and noise."""
    turn = np.linspace(0, np.pi / 2, count)
    rows = np.zeros((count, 16))
    rows[:, 0], rows[:, 1] = np.cos(turn), np.sin(turn)
    return rows + noise * rng.normal(size=rows.shape)


def test_movement_by_a_closed_form(rng):
    """Two points at +1 and -1 around a mean of length 2: spread 1, size sqrt(5)."""
    assert np.isclose(movement(frames("two", [[2, 1], [2, -1]])), 1 / np.sqrt(5))
    assert movement(frames("one", [[3, 4]])) == 0
    assert movement(frames("nothing", np.zeros((3, 2)))) == 0


def test_a_held_picture_aligns_with_nothing_for_certain(rng):
    moving = frames("move.mp4", curve(rng, noise=0.001))
    held = frames("still.mp4", np.repeat(curve(rng)[20:21], 40, 0) + 1e-4 * rng.normal(size=(40, 16)))
    same = align(moving, frames("other.mp4", curve(rng, noise=0.001)))
    assert same.probability > 0.8
    assert not same.notes
    assert nothing_moves(moving, held) == ["nothing moves in still.mp4: any moment of it matches any"]
    for pair in ((moving, held), (held, moving), (held, held)):
        found = align(*pair)
        assert found.probability <= 0.5
        assert found.confidence.max() <= 0.5
        assert any("nothing moves in still.mp4" in note for note in found.notes)
        assert "looks like the same action" not in found.verdict or "not look" in found.verdict


def test_repetitions_of_a_held_picture_are_doubted(rng):
    moving = frames("move.mp4", curve(rng, noise=0.001))
    held = frames("still.mp4", np.repeat(curve(rng)[20:21], 40, 0) + 1e-4 * rng.normal(size=(40, 16)))
    for pair in ((moving, held), (held, moving)):
        for found in align_repetitions(*pair):
            assert found.probability <= 0.5
            assert any("nothing moves in still.mp4" in note for note in found.notes)


@pytest.mark.parametrize("mode", ["dtw", "nearest"])
@pytest.mark.parametrize("speed", [1.0, 1.7])
def test_a_reversed_copy_is_told(rng, mode, speed):
    rows = curve(rng, count=80, noise=0.01)
    moving = frames("move.mp4", rows)
    again = rows[np.round(np.linspace(0, 79, int(80 / speed))).astype(int)]
    forward, back = frames("again.mp4", again), frames("back.mp4", again[::-1])
    same = align(moving, forward, mode=mode)
    assert same.probability > 0.8
    assert not same.notes
    for found in (align(moving, back, mode=mode), *align_repetitions(moving, back)):
        assert found.probability <= 0.5
        assert any("back.mp4 matches better played backwards" in note for note in found.notes)
        assert not found.verdict.startswith("looks like")


def test_an_action_that_is_the_same_in_both_directions_is_no_reversed_copy(rng):
    there = curve(rng, noise=0.0)
    rows = np.concatenate([there, there[::-1]])
    one, other = (frames(name, rows + 0.01 * rng.normal(size=rows.shape)) for name in ("a.mp4", "b.mp4"))
    found = align(one, other)
    assert found.probability > 0.8
    assert not found.notes
