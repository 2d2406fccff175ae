"""What is written is read back: pictures, times, sound, and nothing under the final name before it is complete."""

import numpy as np
import pytest

from mvssl.errors import InputError, VideoError
from mvssl.video import open_video, read_audio, write_video


@pytest.mark.parametrize("size", [(112, 80), (113, 81)])
@pytest.mark.parametrize("first", [False, True])
def test_pictures_come_back(tmp_path, draw, read_number, size, first):
    frames = [draw(n, *size) for n in range(20)]
    write_video(tmp_path / "film.mp4", [f.transpose(2, 0, 1) if first else f for f in frames], fps=24, crf=1)
    with open_video(tmp_path / "film.mp4") as video:
        assert (video.video.width, video.video.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        np.testing.assert_allclose(video.times_s, np.arange(20) / 24, atol=1e-4)
        back = video.frames_at(video.times_s)
    assert read_number(back).tolist() == list(range(20))
    luma = np.array([0.299, 0.587, 0.114])  # 4:2:0 keeps this; colours are averaged over four pixels
    difference = np.tensordot(back[:, :, : size[1], : size[0]], luma, (1, 0)) - np.stack(frames) @ luma
    assert np.abs(difference).mean() < 2.5


def test_times_come_back(tmp_path, draw):
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 30))
    write_video(tmp_path / "film.mp4", (draw(n) for n in range(30)), times_s=times_s)
    with open_video(tmp_path / "film.mp4") as video:
        np.testing.assert_allclose(video.times_s, times_s, atol=1 / 90_000)


def test_sound_is_at_its_place(tmp_path, draw):
    rate = 16_000
    sound = np.zeros((2, 3 * rate), np.float32)
    sound[0, rate : rate + 800] = np.sin(np.arange(800) * 0.3) * 0.5  # a beep at 1 s, left
    sound[1, 2 * rate : 2 * rate + 800] = np.sin(np.arange(800) * 0.3) * 0.5  # at 2 s, right
    write_video(tmp_path / "film.mp4", [draw(n) for n in range(90)], fps=30, audio=sound, sample_rate=rate)
    with open_video(tmp_path / "film.mp4") as video:
        assert video.video.has_audio
        assert video.times_s[0] == 0.0
    back, back_rate = read_audio(tmp_path / "film.mp4")
    assert back_rate == rate
    assert back.shape[0] == 2
    for channel, at in ((0, 1.0), (1, 2.0)):
        loud = np.flatnonzero(np.abs(back[channel]) > 0.2)
        assert loud[0] / rate == pytest.approx(at, abs=0.01)
        assert loud[-1] / rate == pytest.approx(at + 0.05, abs=0.01)
    for start_s, end_s, resample in ((0.9, 1.2, None), (0.9, 1.2, 8_000), (0.5, 4.5, None)):
        part, part_rate = read_audio(tmp_path / "film.mp4", start_s, end_s, sample_rate=resample)
        assert part.shape == (2, round((end_s - start_s) * part_rate))
        loud = np.flatnonzero(np.abs(part[0]) > 0.2)
        assert start_s + loud[0] / part_rate == pytest.approx(1.0, abs=0.01)
    same, _ = read_audio(tmp_path / "film.mp4", 0.9, 1.2)
    np.testing.assert_allclose(same, back[:, round(0.9 * rate) : round(1.2 * rate)], atol=0.02)


def test_no_sound(clip, tmp_path):
    with pytest.raises(VideoError, match="no audio"):
        read_audio(clip("h264_bframes").path)
    with pytest.raises(VideoError, match="no such file"):
        read_audio(tmp_path / "nothing.mp4")


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        ([], {"fps": 30}, "no frame"),
        ([np.zeros((8, 8, 3), np.uint8)], {}, "fps or times_s"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)], {"fps": 30}, "frame 1"),
        ([np.zeros((8, 8, 3), np.float32)], {"fps": 30}, "uint8"),
        ([np.zeros((8, 8, 3), np.uint8)] * 2, {"times_s": [1.0, 1.0]}, "increase"),
        ([np.zeros((8, 8, 3), np.uint8)] * 2, {"times_s": [1.0]}, "no time"),
        ([np.zeros((8, 8, 3), np.uint8)], {"times_s": [1.0, 2.0]}, "more times"),
        ([np.zeros((8, 8, 3), np.uint8)], {"fps": 30, "audio": np.zeros((3, 9))}, "channels"),
    ],
)
def test_refused_and_nothing_left_behind(tmp_path, frames, options, message):
    with pytest.raises(InputError, match=message):
        write_video(tmp_path / "film.mp4", frames, **options)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_leaves_the_old_file(tmp_path, draw):
    write_video(tmp_path / "film.mp4", [draw(0)], fps=30)
    before = (tmp_path / "film.mp4").read_bytes()

    def failing():
        yield draw(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "film.mp4", failing(), fps=30)
    assert (tmp_path / "film.mp4").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
