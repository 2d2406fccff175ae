"""The order and the times of a folder's pictures, from their names."""

import numpy as np
import pytest

from mvssl.video import open_video, scan
from mvssl.video._picture_names import order_of


@pytest.mark.parametrize(
    "names",
    [
        ["-3.png", "-2.png", "0.png", "1.png", "10.png"],
        ["frame-3.jpg", "frame-20.jpg"],
        ["img_2.png", "img_10.png", "img_100.png"],
        ["take2_009.png", "take2_010.png", "take10_001.png"],
        ["cam1 f9 v2.png", "cam1 f10 v2.png"],
        ["-0.5.png", "0.02.png", "0.1.png"],
    ],
)
def test_names_are_in_the_order_of_their_numbers(names):
    for shuffled in (names[::-1], sorted(names), names):
        assert order_of(shuffled).names == names


def test_what_could_be_read_in_two_ways_is_said():
    def kinds(*names):
        return [kind for kind, _ in order_of(names).remarks]

    assert kinds("a_1.png", "a_2.png") == []
    assert kinds("t2_1.png", "t10_1.png", "t2_2.png") == ["assumed_order"]
    assert kinds("1.png", "01.png") == ["assumed_order"]
    assert kinds("-3.png", "-2.png") == ["assumed_order"]
    assert kinds("0.25.png", "0.5.png") == ["times_from_names", "assumed_order"]  # 0.5 < 0.25 as two whole numbers


@pytest.mark.parametrize(
    ("names", "times_s"),
    [
        (["1305031102.175304.png", "1305031102.211214.png"], [1305031102.175304, 1305031102.211214]),
        (["1403636579763555584.png", "1403636579813555456.png"], [1403636579.763555, 1403636579.813555]),
        (["rgb_1305031102175.png", "rgb_1305031102208.png"], [1305031102.175, 1305031102.208]),
        (["0.png", "0.5.png", "2.png"], [0.0, 0.5, 2.0]),
    ],
)  # fmt: skip
def test_names_that_are_times(tmp_path, draw, names, times_s):
    import cv2

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), draw(number)[..., ::-1])
    with open_video(folder) as video:
        np.testing.assert_allclose(video.times_s, times_s, rtol=0, atol=1e-6)
        for number, time_s in enumerate(video.times_s):
            np.testing.assert_array_equal(video.frames_at(time_s)[0], draw(number).transpose(2, 0, 1))
        assert video.video.end_s > times_s[-1]
    report = scan(tmp_path)
    assert "times_from_names" in {problem.kind for problem in report.problems}
    assert "assumed_rate" not in {problem.kind for problem in report.problems}
