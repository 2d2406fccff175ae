from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import WarpError, warp_error
from mvssl.evaluation.warp import WARPS, reuse_rows, warped_frames, warped_times
from mvssl.frames import Frames, read_frames, write_frames


def content(time_s):
    """An embedding that tells the moment shown and nothing else."""
    return np.stack([np.cos(time_s), np.sin(time_s)], axis=1)


@pytest.fixture
def plain(make_video):
    return Frames([make_video(f"v{i}", content(np.arange(25 + 3 * i) / 10), session="") for i in range(3)])


@pytest.mark.parametrize("warp", WARPS)
def test_warps_show_what_they_say(rng, warp):
    times = np.arange(100) / 10
    for _ in range(30):
        shown = warped_times(times, warp, generator=rng, max_cut=0.4)
        assert np.isin(shown, times).all()
        kept = times[(times >= shown.min()) & (times <= shown.max())]
        assert len(kept) >= 15
        jumps = np.round(np.diff(shown) * 10).astype(int)
        if warp == "none":
            np.testing.assert_array_equal(shown, kept)
        if warp == "pause":
            assert (np.unique(jumps) == [0, 1]).all()
            assert np.bincount(np.searchsorted(times, shown)).max() == len(shown) - len(kept) + 1
        if warp == "speed":
            assert set(np.bincount(np.searchsorted(times, shown))[np.searchsorted(times, kept)]) <= {1, 2}
        if warp == "repeat":
            assert (jumps < 0).sum() <= 1
            assert len(shown) > len(kept)
        if warp == "remove":
            assert (jumps > 0).all()


def test_warps_repeat_with_their_seed_and_refuse_nonsense():
    times = np.arange(50) / 25
    first, second = (warped_times(times, "repeat", generator=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(InputError, match="unknown warp 'spin'"):
        warped_times(times, "spin", generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="max_cut"):
        warped_times(times, generator=np.random.default_rng(0), max_cut=0.5)
    with pytest.raises(InputError, match="9 frames"):
        warped_times(times[:9], generator=np.random.default_rng(0))


def test_content_has_no_error_whatever_the_warp_and_the_clock_has(plain, tmp_path):
    frames = warped_frames(plain, reuse_rows, seed=0)
    assert len(frames) == 3 * len(WARPS)
    result = WarpError().evaluate(frames)
    assert result.value["nearest_s"] == pytest.approx(0, abs=1e-9)
    assert result.value["dtw_s"] < 0.025  # a quarter of a step: frames shown twice share a path
    assert result.controls["time only"]["dtw_s"] > 0.1
    assert result.controls["random frame"]["dtw_s"] > result.controls["time only"]["dtw_s"]
    assert result.controls["linear map"]["dtw_s"] == pytest.approx(result.controls["time only"]["dtw_s"], abs=0.05)
    assert result.undefined > 0
    for video in frames:  # the table format survives the file
        write_frames(tmp_path, video, {"model": "m"})
    again = WarpError().evaluate(read_frames(tmp_path))
    assert again.details["num_frames"] == result.details["num_frames"]
    assert again.value["nearest_s"] == pytest.approx(0, abs=1e-4)


def test_uncut_versions_are_no_test_of_anything(make_video):
    """The clock alone has no error between uncut cameras: the reason why versions are cut."""
    cameras = [make_video(f"c{i}", num_frames=30, session="take") for i in range(2)]
    assert WarpError().evaluate(Frames(cameras)).controls["time only"]["nearest_s"] == 0.0


def test_embedding_afresh_gets_the_instants_in_order(plain):
    seen = []

    def embed(video, source_time_s):
        seen.append((video.video, source_time_s))
        return content(source_time_s)

    frames = warped_frames(plain, embed, seed=1, warps=("none", "remove"))
    assert [name for name, _ in seen] == ["v0", "v0", "v1", "v1", "v2", "v2"]
    np.testing.assert_array_equal(frames["v1#remove"].extra["source_time_s"][:, 0], seen[3][1])
    assert frames["v1#remove"].session == "v1"
    np.testing.assert_allclose(np.diff(frames["v1#remove"].time_s), 0.1)


def test_error_of_a_known_shift():
    """A reference whose features lie three frames late: every interior match is 0.3 s off."""
    times = np.arange(40) / 10
    rows = content(times)
    shifted = content(times - 0.3)
    result = warp_error([rows[5:30]], [shifted], [times[5:30]], [times], method="nearest")
    assert result.value == pytest.approx(0.3)
    assert result.details["median"] == pytest.approx(0.3)
    assert result.controls["random frame"] > 1


def test_frames_without_a_partner_are_left_out_and_counted():
    times = np.arange(40) / 10
    rows = content(times)
    result = warp_error([rows], [rows[10:30]], [times], [times[10:30]], method="nearest")
    assert result.undefined == 20
    assert result.value == 0.0
    nothing = warp_error([rows[:5]], [rows[20:]], [times[:5]], [times[20:]], method="dtw")
    assert np.isnan(nothing.value)
    assert nothing.undefined == 5


def test_cameras_meet_on_the_session_clock(make_video):
    """offset_s moves a camera onto the session's clock."""
    rows = content(np.arange(60) / 10)
    a = make_video("a", rows[:40], session="take")
    b = make_video("b", rows[15:55], session="take", offset_s=1.5)
    result = WarpError().evaluate(Frames([a, b]))
    assert result.value["nearest_s"] == pytest.approx(0, abs=1e-9)
    assert result.undefined == 30
    with pytest.raises(InputError, match="two versions or cameras"):
        WarpError().evaluate(Frames([a]))
