"""Videos in which nothing moves are named, and match nothing for certain."""

from __future__ import annotations

import numpy as np

from mvssl.alignment import align
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
