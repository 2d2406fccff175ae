"""Files whose container misstates order, key frames or the video stream: the decoder's own order is what is shown."""

import shutil
import subprocess
import warnings

import av
import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.types import Video
from mvssl.video import open_video, read_videos, scan
from mvssl.video._container import video_stream

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")


def sequential(path):
    """Every picture in the decoder's own order."""
    with av.open(str(path)) as container:
        stream = video_stream(container)
        stream.codec_context.thread_count = 1
        return [frame.to_ndarray(format="rgb24").transpose(2, 0, 1) for frame in container.decode(stream)]


def check(path, rng, singles=12):
    truth = sequential(path)
    with open_video(path) as video:
        times_s = video.times_s
        assert len(times_s) == len(truth)
        assert (np.diff(times_s) > 0).all()
        np.testing.assert_array_equal(video.frames_at(times_s), truth)
    for number in rng.permutation(len(truth))[:singles]:
        with open_video(path) as video:
            np.testing.assert_array_equal(video.frames_at(times_s[number])[0], truth[number])
    with open_video(path) as video:
        for number in rng.permutation(len(truth))[:singles]:
            np.testing.assert_array_equal(video.frames_at(times_s[number])[0], truth[number])
        assert [time_s for time_s, _ in video.frames()] == times_s.tolist()
    return truth


def without_reordering(source, path):
    """A copy in which every presentation time equals the decoding time, as in copies from AVI."""
    with av.open(str(source)) as inp, av.open(str(path), "w") as out:
        old = inp.streams.video[0]
        new = out.add_stream_from_template(old)
        for number, packet in enumerate(p for p in inp.demux(old) if p.size):
            packet.pts = packet.dts = round(number / 30 / packet.time_base)
            packet.stream = new
            out.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".nut"])
@pytest.mark.parametrize("kind", ["h264_bframes", "mpeg4_mp4_bframes"])
def test_the_decoders_order_wins_over_times_that_do_not_reorder(clip, read_number, tmp_path, rng, kind, suffix):
    if kind == "mpeg4_mp4_bframes" and suffix == ".ts":
        suffix = ".3gp"  # a transport stream would lack the headers, which an MP4 holds apart
    path = without_reordering(clip(kind).path, tmp_path / f"film{suffix}")
    truth = check(path, rng)
    assert read_number(np.stack(truth)).tolist() == list(range(60))


def without_table(source, path, table):
    data = source.read_bytes()
    at = data.index(table)
    path.write_bytes(data[:at] + b"free" + data[at + 4 :])
    return path


@pytest.mark.parametrize("kind", ["mpeg4_mp4_bframes", "h264_bframes", "h264_no_bframes", "hevc_open_gop", "vp9_mp4"])
def test_an_mp4_without_a_table_of_key_frames(clip, tmp_path, rng, kind):
    path = without_table(clip(kind).path, tmp_path / "film.mp4", b"stss")
    check(path, rng)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".flv"])
def test_gradual_refresh(clip, tmp_path, rng, suffix, encode_as):
    path = encode_as(tmp_path / f"film{suffix}", "libx264", bframes=0, options={"x264-params": "intra-refresh=1"})
    check(path, rng)


def test_one_wrong_key_flag_is_found_when_decoding_starts_there(clip, tmp_path, rng):
    """A later key frame of the table moved to the packet after it."""
    data = bytearray(clip("mpeg4_mp4_bframes").path.read_bytes())
    at = data.index(b"stss") + 4 + 8 + 4 * 2  # the third entry
    data[at + 3] += 1
    (tmp_path / "film.mp4").write_bytes(bytes(data))
    check(tmp_path / "film.mp4", rng, singles=30)


@needs_ffmpeg
def test_a_cover_before_the_video_is_not_the_video(clip, tmp_path, rng, draw):
    import cv2

    cv2.imwrite(str(tmp_path / "cover.png"), draw(3))
    film = clip("h264_bframes").path
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "cover.png", "-i", film, "-map", "0", "-map", "1", "-c", "copy",
         "-disposition:v:0", "attached_pic", tmp_path / "film.mp4"], check=True,
    )  # fmt: skip
    assert len(check(tmp_path / "film.mp4", rng, 3)) == 60
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", tmp_path / "cover.png", "-f", "lavfi", "-i", "sine=d=1", "-map", "0",
         "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic", tmp_path / "sound.mp4"], check=True,
    )  # fmt: skip
    with pytest.raises(VideoError, match="only an attached picture"):
        open_video(tmp_path / "sound.mp4")


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["field_pictures_each.ts", "field_pictures_pair.ts"])
def test_two_fields_are_one_picture(data_root, rng, name):
    path = data_root / "faults" / name
    check(path, rng)
    with open_video(path) as video:
        np.testing.assert_allclose(video.times_s, 0.16 + 0.04 * np.arange(10), atol=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "count"),
    [("b39_h264_from_avi.mp4", 90), ("k_free_a51_mpeg4_b.mp4", 90), ("cover_first.mp4", 60), ("cut_copy.mp4", 24),
     ("cut_a01_0.4_1.0.mp4", 32), ("slow_mild.mp4", 90), ("pts_wrap_h264.ts", 60)],
)  # fmt: skip
def test_files_that_were_read_wrongly_or_refused(data_root, rng, name, count):
    assert len(check(data_root / "faults" / name, rng)) == count


def test_frames_before_zero_belong_to_a_row_too(clip, tmp_path):
    """A stream whose first times are negative: the file alone and its row in a folder hold the same frames."""
    path = tmp_path / "film.ts"
    with av.open(str(clip("h264_bframes").path)) as inp, av.open(str(path), "w") as out:
        old = inp.streams.video[0]
        new = out.add_stream_from_template(old)
        for packet in inp.demux(old):
            if packet.size:
                packet.pts += round((2**33 / 90000 - 1.0) / packet.time_base)  # wraps a second after the start
                packet.dts += round((2**33 / 90000 - 1.0) / packet.time_base)
                packet.stream = new
                out.mux(packet)
    with open_video(path) as alone:
        times_s = alone.times_s
    assert times_s[0] < -0.5
    (row,) = read_videos(tmp_path)
    assert row.num_frames == len(times_s) == 60
    with open_video(row) as again, open_video(Video("film", str(path))) as bare:
        np.testing.assert_array_equal(again.times_s, times_s)
        np.testing.assert_array_equal(bare.times_s, times_s)
    with open_video(Video("film", str(path), start_s=0.0)) as part:  # a stated bound is one
        assert part.times_s[0] >= -1 / 30


def test_a_turn_by_no_quarter_is_said(clip, tmp_path):
    data = bytearray(clip("h264_bframes").path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    half = int(65536 * np.sqrt(0.5))
    data[at : at + 36] = np.array([half, half, 0, -half, half, 0, 0, 0, 1 << 30], ">i4").tobytes()
    (tmp_path / "film.mp4").write_bytes(bytes(data))
    with pytest.warns(UserWarning, match="45 degrees"):
        open_video(tmp_path / "film.mp4").close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = scan(tmp_path)
    assert [problem.kind for problem in report.problems if "45 degrees" in problem.message] == ["odd_rotation"]
