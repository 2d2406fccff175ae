"""``scan`` says where nothing moves; pretraining on single frames is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.training.pretrain import _check_movement
from mvssl.types import Video
from mvssl.video import scan, write_video


def test_scan_names_videos_in_which_nothing_moves(tmp_path):
    ramp = np.linspace(0, 200, 32)[None, :, None] * np.ones((32, 32, 3))
    write_video(tmp_path / "held.mp4", (ramp.astype(np.uint8) for _ in range(30)), fps=10)
    write_video(tmp_path / "moving.mp4", (np.roll(ramp, n, 1).astype(np.uint8) for n in range(30)), fps=10)
    write_video(tmp_path / "one.mp4", [ramp.astype(np.uint8)], fps=10)
    found = {p.video_id: p.kind for p in scan(tmp_path, decode=True).problems if "nothing moves" in p.message}
    assert found == {"held.mp4": "still", "one.mp4": "short"}
    found = {p.video_id: p.kind for p in scan(tmp_path, short_s=0).problems if "nothing moves" in p.message}
    assert found == {"one.mp4": "still"}


def test_single_frames_hold_nothing_to_learn(capsys):
    one, many = Video("one.mp4", "one.mp4", num_frames=1), Video("many.mp4", "many.mp4", num_frames=9)
    with pytest.raises(InputError, match=r"nothing moves in one\.mp4: each of the 2 videos has one frame"):
        _check_movement([one, one._replace(id="b.mp4")])
    _check_movement([one, many])
    assert "1 of 2 videos have one frame, e.g. one.mp4" in capsys.readouterr().out
    _check_movement([many])
    assert capsys.readouterr().out == ""
