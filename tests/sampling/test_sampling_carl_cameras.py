"""Two cameras of a session: different files, overlapping instants on the session's clock, nothing outside either file."""

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.sampling import CarlCamerasSampler
from mvssl.types import Video


def camera(name, start_s, end_s, offset_s):
    return Video(
        name, name, start_s, end_s, 30.0, round((end_s - start_s) * 30), session="s", camera=name, offset_s=offset_s
    )


def test_views_come_from_two_cameras_at_common_instants():
    session = (camera("a", 0.0, 6.0, 0.0), camera("b", 2.0, 7.0, -1.5))
    offsets = {"a": 0.0, "b": -1.5}
    bounds = {video.id: (video.start_s, video.end_s) for video in session}
    sampler = CarlCamerasSampler(num_frames=16, min_overlap=1.0, max_stretch=1.0, fps=10)
    seen = set()
    for seed in range(50):
        requests = sampler(session, np.random.default_rng(seed))
        first, second = requests["a"], requests["b"]
        assert {first.video_id, second.video_id} == {"a", "b"}
        seen.add(first.video_id)
        for request in (first, second):
            low, high = bounds[request.video_id]
            assert (low <= request.time_s).all()
            assert (request.time_s < high).all()
        session_times = [r.time_s + offsets[r.video_id] for r in (first, second)]
        assert np.allclose(*session_times)  # whole overlap, no stretch: the very same instants
    assert seen == {"a", "b"}


def test_one_camera_is_plain_carl():
    requests = CarlCamerasSampler(num_frames=8)((camera("a", 0.0, 6.0, 0.0),), np.random.default_rng(0))
    assert {request.video_id for request in requests.values()} == {"a"}


def test_cameras_that_share_no_instant_are_refused():
    with pytest.raises(InputError, match=r"share no instant.*offset_s"):
        CarlCamerasSampler()((camera("a", 0.0, 2.0, 0.0), camera("b", 0.0, 2.0, 5.0)), np.random.default_rng(0))
