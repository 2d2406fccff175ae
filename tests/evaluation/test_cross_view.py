from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import CrossView
from mvssl.frames import Frames


@pytest.fixture
def sessions(make_video):
    """Five sessions by two cameras; a row tells the session and the moment, the second camera starts 0.5 s late."""
    videos = []
    for session in range(5):
        moment = np.arange(40) / 10
        for camera, first in (("left", 0), ("right", 5)):
            shown = moment[first:]
            rows = np.stack([np.cos(shown / 2), np.sin(shown / 2), np.full(len(shown), float(session))], axis=1)
            extra = {"source_time_s": shown[:, None]}
            videos.append(make_video(f"{session}-{camera}", rows, session=f"t{session}", camera=camera, extra=extra))
    return Frames(videos)


def test_same_instant_and_same_session(sessions):
    result = CrossView().evaluate(sessions)
    assert result.value == {"error_s": pytest.approx(0, abs=1e-9), "hit": 1.0, "R@1": 1.0, "R@5": 1.0}
    assert result.undefined == 25  # the first half second of each left camera
    assert result.controls["time only"]["error_s"] > 0.1
    assert result.controls["chance"] == {"R@1": pytest.approx(1 / 5), "R@5": pytest.approx(1.0)}


def test_one_constant_feature_finds_nothing_but_by_chance(sessions):
    blind = sessions.with_embeddings([np.ones((len(v.frame), 2)) for v in sessions])
    result = CrossView().evaluate(blind)
    assert result.value["error_s"] > 1  # always the first frame
    assert result.value["R@1"] == pytest.approx(1 / 5)  # always the first session


def test_single_cameras_are_refused(sessions):
    with pytest.raises(InputError, match="two cameras"):
        CrossView().evaluate(sessions.where(camera="left"))
