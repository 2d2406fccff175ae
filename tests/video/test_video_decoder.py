"""What a decoder hands out: requests, crops, sizes, ranges, damage, motion."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from mvssl.errors import InputError, VideoError
from mvssl.types import ClipRequest, Video
from mvssl.video import open_video, write_video


def test_the_frame_on_screen_between_two_times(clip, read_number):
    with open_video(clip("h264_variable_rate").path) as video:
        starts, ends = video.times_s, np.append(video.times_s[1:], video.video.end_s)
        inside = starts + 0.9 * (ends - starts)
        assert read_number(video.frames_at(inside)).tolist() == list(range(60))


def test_outside_is_an_error_with_the_bounds(clip):
    with open_video(clip("h264_offset_mkv").path) as video:
        for time_s in (0.0, 1.95, video.video.end_s, 99.0):
            with pytest.raises(VideoError, match=r"from 2\.0\d* s .*to 4\.0\d* s") as caught:
                video.frames_at([2.5, time_s])
            assert (caught.value.kind, caught.value.time_s) == ("out_of_range", time_s)


def test_masked_times_and_neighbours_beyond_the_ends(clip, read_number):
    step = 1 / 30
    with open_video(clip("h264_bframes").path) as video:
        request = ClipRequest(
            "x",
            np.array([0.0, 59 * step, 9.0]),
            offsets_s=np.array([-step, 0, step]),
            mask=np.array([True, True, False]),
        )
        made = video.read([request])[0]
    assert made.frames.shape == (3, 3, 3, 80, 112)
    assert read_number(made.frames.reshape(9, 3, 80, 112)).tolist() == [0, 0, 1, 58, 59, 59, 59, 59, 59]
    np.testing.assert_allclose(made.time_s, np.array([[0, 0, 1], [58, 59, 59], [59, 59, 59]]) * step, atol=1e-6)
    assert made.mask.tolist() == [True, True, False]
    assert not made.damaged.any()


def test_a_crop_without_a_size_is_exact_and_a_size_is_close_to_torchvision(clip):
    with open_video(clip("h264_444_odd").path) as video:
        times = video.times_s[:4]
        whole = video.frames_at(times)
        np.testing.assert_array_equal(video.frames_at(times, crop=(0.25, 0.1, 0.75, 1.0)), whole[:, :, 8:81, 28:85])
        part = torch.from_numpy(np.ascontiguousarray(whole[:, :, 8:81, 28:85]))
        expected = functional.resize(part, [32, 24], antialias=True).numpy().astype(int)
        small = video.frames_at(times, crop=(0.25, 0.1, 0.75, 1.0), size=(32, 24))
        assert small.shape == (4, 3, 32, 24)
        assert np.abs(small - expected).mean() < 4.0
        assert abs((small - expected).mean()) < 1.0


@pytest.mark.parametrize("crop", [(0, 0, 0, 1), (0.5, 0, 0.2, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.01)])
def test_impossible_crops(clip, crop):
    with open_video(clip("h264_one_frame").path) as video, pytest.raises(InputError, match="crop"):
        video.frames_at(0.0, crop=crop)


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (0, 1, 1, 0)])
def test_display_matrices(clip, turn, tmp_path, matrix):
    """x' = a x + c y, y' = b x + d y: the picture that the matrix asks for, in all its turns and mirrorings."""
    path = turn(shutil.copy(clip("h264_bframes").path, tmp_path / "turned.mp4"), matrix)
    with open_video(clip("h264_bframes").path) as plain, open_video(path) as video:
        frame = plain.frames_at(0.5)[0]
        a, b, c, d = matrix
        height, width = frame.shape[1:]
        y, x = np.mgrid[:height, :width]
        x_new, y_new = a * x + c * y, b * x + d * y
        expected = np.empty((3, *(width, height)[:: 1 if a == 0 else -1]), np.uint8)
        expected[:, y_new - y_new.min(), x_new - x_new.min()] = frame
        np.testing.assert_array_equal(video.frames_at(0.5)[0], expected)
        assert (video.video.height, video.video.width) == expected.shape[1:]
        crop = (0.25, 0.5, 0.75, 1.0)
        small = video.frames_at(0.5, crop=crop, size=(20, 20))[0].astype(int)

        def difference(box):
            exact = torch.from_numpy(video.frames_at(0.5, crop=box).copy())
            return np.abs(small - functional.resize(exact, [20, 20], antialias=True)[0].numpy()).mean()

        others = [(0.0, 0.5, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0), (0.25, 0.0, 0.75, 0.5), (0.25, 0.25, 0.75, 0.75)]
        assert difference(crop) < 12.0 < 20.0 < min(map(difference, others))


def test_a_range_inside_a_file(clip, read_number):
    path = str(clip("h264_long_gop").path)
    with open_video(Video("e1", path, start_s=0.5, end_s=1.0, session="s")) as video:
        assert (video.video.num_frames, video.video.session) == (15, "s")
        assert read_number(video.frames_at(video.times_s)).tolist() == list(range(15, 30))
        assert [t for t, _ in video.frames()] == video.times_s.tolist()
        assert [t for t, _ in video.frames(0.6, 0.7)] == video.times_s[3:6].tolist()
        for time_s in (0.4, 1.0):
            with pytest.raises(VideoError, match="no frame at"):
                video.frames_at(time_s)
    with open_video(Video("e2", path, start_s=0.51, end_s=2.0)) as video:
        assert read_number(video.frames_at(0.51)).tolist() == [15]  # on screen when the range begins


def test_an_iterator_and_other_reads_do_not_disturb_each_other(clip, read_number):
    with open_video(clip("h264_open_gop").path) as video:
        seen = []
        for time_s, frame in video.frames():
            seen.append(int(read_number(frame[None])[0]))
            other = (len(seen) * 17) % 60
            assert read_number(video.frames_at(video.times_s[other])).tolist() == [other]
            assert time_s == video.times_s[len(seen) - 1]
    assert seen == list(range(60))


def test_the_tensor_shares_memory_and_is_channels_last(clip):
    with open_video(clip("h264_bframes").path) as video:
        tensor = torch.from_numpy(video.frames_at(video.times_s[:4]))
    assert tensor.shape == (4, 3, 80, 112)
    assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_a_decoder_stays_in_its_process(clip):
    with open_video(clip("h264_bframes").path) as video, pytest.raises(InputError, match="another process"):
        pickle.dumps(video)


@pytest.mark.parametrize("wrong", [{"time_s": np.array([])}, {"planes": ("flow",)}, {"size": (0, 4)}, {"planes": ()}])
def test_wrong_requests(clip, wrong):
    with open_video(clip("h264_bframes").path) as video, pytest.raises(InputError):
        video.read([ClipRequest("x", np.array([0.0]))._replace(**wrong)])


def damaged_copy(path, to, low, high):
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    a, b = start + int(low * (len(data) - start)), start + int(high * (len(data) - start))
    data[a:b] = np.random.default_rng(0).bytes(b - a)
    to.write_bytes(bytes(data))
    return to


def test_damage_is_an_error_or_flagged_to_the_end_of_its_group(clip, tmp_path, read_number):
    made = clip("h264_bframes")
    path = damaged_copy(made.path, tmp_path / "damaged.mp4", 0.3, 0.35)
    with open_video(path) as video, pytest.raises(VideoError, match=r"h264.*damaged at \d") as caught:
        video.frames_at(video.times_s)
    assert caught.value.kind == "corrupt"
    with open_video(path, damaged="flag") as video:
        got = video.read([ClipRequest("x", video.times_s)])[0]
        bad = got.damaged[:, 0]
        assert 0 < bad.sum() <= 24
        numbers = read_number(got.frames[:, 0])
        np.testing.assert_array_equal(numbers[~bad], np.arange(60)[~bad])
        assert (numbers[bad] != np.arange(60)[bad]).any()
    with open_video(path) as video:  # frames of other groups are no error
        whole = np.flatnonzero(~bad)
        assert read_number(video.frames_at(video.times_s[whole])).tolist() == whole.tolist()


def test_a_truncated_file_has_its_beginning(clip, tmp_path, read_number):
    write_video(
        tmp_path / "whole.mp4", [np.full((64, 96, 3), 4 * n, np.uint8) for n in range(60)], fps=30, gop=12, crf=0
    )
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    with open_video(tmp_path / "cut.mp4", damaged="flag") as video:
        assert video.video.num_frames == 60
        bad = video.read([ClipRequest("x", video.times_s)])[0].damaged[:, 0]
    assert not bad[:12].any()
    assert bad[-1]


def test_deadlines_of_opening_and_of_reading(clip, monkeypatch):
    path = clip("h264_long_gop").path
    with pytest.raises(VideoError, match="longer than") as caught:
        open_video(path, timeout_s=1e-9)
    assert caught.value.kind == "timeout"
    clock = iter(range(0, 10_000, 30))
    with open_video(path, timeout_s=100.0) as video:
        monkeypatch.setattr("mvssl.video.pyav.time.monotonic", lambda: next(clock))
        with pytest.raises(VideoError, match="longer than 100") as caught:
            video.frames_at(1.5)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("missing.mp4", None, "missing"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"not a video at all" * 50, "not_video"),
    ],
)
def test_what_is_no_video(tmp_path, name, content, kind):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=name) as caught:
        open_video(tmp_path / name)
    assert caught.value.kind == kind
    assert pickle.loads(pickle.dumps(caught.value)).kind == kind


@pytest.mark.parametrize("address", ["s3://bucket/film.mp4", "hf://datasets/a/b.mp4", "https://host/film.mp4"])
def test_addresses_are_refused_with_what_to_do(address):
    with pytest.raises(VideoError, match=r"only local files.*mount") as caught:
        open_video(address)
    assert caught.value.path == address


def test_sound_alone_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.m4a"), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream") as caught:
        open_video(tmp_path / "sound.m4a")
    assert caught.value.kind == "no_video_stream"


def texture(shift_x: float, shift_y: float, size: int = 128) -> np.ndarray:
    """A smooth pattern moved by whole pixels."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    return np.roll(noise, (int(shift_y), int(shift_x)), (0, 1))


def test_motion_vectors_give_the_speed_of_a_moving_picture(tmp_path):
    """2 pixels right and 1 down per frame at 25 frames a second: 50 and 25 pixels per second, half that at half the size."""
    write_video(tmp_path / "moving.mp4", [texture(2 * n, n) for n in range(24)], fps=25, gop=24)
    with open_video(tmp_path / "moving.mp4") as video:
        motion = video.motion_vectors_at(video.times_s)
        assert motion.shape == (24, 2, 128, 128)
        assert not motion[0].any()  # a key frame has no motion
        middle = motion[1:, :, 32:96, 32:96].reshape(23, 2, -1)
        speed = np.median(middle, axis=2)
        assert np.abs(np.median(speed, axis=0) - [50, 25]).max() < 3
        assert (np.abs(speed - [50, 25]).max(1) < 5).mean() > 0.7
        half = video.motion_vectors_at(video.times_s, size=(64, 64))
        assert np.abs(np.median(half[1:, :, 16:48, 16:48].reshape(23, 2, -1), axis=(0, 2)) - [25, 12.5]).max() < 2
        centre = video.motion_vectors_at(video.times_s, crop=(0.25, 0.25, 0.75, 0.75), size=(128, 128))
        assert (
            np.abs(np.median(centre[1:].reshape(23, 2, -1), axis=(0, 2)) - [100, 50]).max() < 6
        )  # seen twice as large
        both = video.read([ClipRequest("x", video.times_s[:3], planes=("rgb", "motion"), size=(64, 64))])[0]
        np.testing.assert_array_equal(both.motion[:, 0], half[:3])
        assert both.frames.shape == (3, 1, 3, 64, 64)


def test_a_folder_of_pictures_is_a_video(tmp_path, draw, read_number):
    import cv2

    for n in range(12):
        cv2.imwrite(str(tmp_path / f"frame_{n + 1}.png"), draw(n)[:, :, ::-1])
    with open_video(Video("f", str(tmp_path), fps=12.5)) as video:
        np.testing.assert_allclose(video.times_s, np.arange(12) / 12.5, atol=1e-5)
        assert read_number(video.frames_at(video.times_s[::-1])).tolist() == list(range(11, -1, -1))
        np.testing.assert_array_equal(video.frames_at(0.0)[0], draw(0).transpose(2, 0, 1))
    with open_video(tmp_path) as video:
        assert video.video.fps == pytest.approx(30, rel=1e-3)
    cv2.imwrite(str(tmp_path / "frame_13.png"), draw(12, 160, 96))
    with open_video(tmp_path) as video, pytest.raises(VideoError, match="frame_13") as caught:
        video.frames_at(video.times_s)
    assert caught.value.kind == "size_change"
