# ruff: noqa: E501
"""The right frame at the right time, for every kind of file and every backend: checked by numbers in the pictures."""

import av
import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.types import ClipRequest
from mvssl.video import backends, frame_index, open_video
from mvssl.video._container import opened
from mvssl.video._mp4 import packet_table

READABLE = ["h264_bframes", "h264_no_bframes", "h264_long_gop", "h264_open_gop", "h264_open_gop_ts", "h264_intra_refresh_ts", "h264_mkv", "h264_flv", "h264_avi", "h264_fragmented", "h264_10bit", "h264_444_odd", "h264_ts", "h264_edit_list", "h264_offset_mkv", "h264_variable_rate", "h264_variable_rate_mkv", "h264_jitter", "h264_one_frame", "hevc_open_gop", "hevc_closed_gop", "vp8", "vp9", "vp9_mp4", "av1", "av1_mkv", "mpeg4_avi", "mpeg4_avi_bframes", "mpeg4_mp4_bframes", "mpeg2_ts", "mpeg1_ps", "mjpeg_mov", "wmv", "rotated_90", "two_streams", "cut_mid_gop_ts"]  # fmt: skip
# kinds that each optional library reads wrongly or not at all, so that we refuse them
REFUSED = {
    "torchcodec": ["h264_open_gop_ts", "h264_intra_refresh_ts", "h264_ts", "h264_avi", "mpeg4_avi_bframes", "mpeg2_ts", "mpeg1_ps", "cut_mid_gop_ts"],
    "decord": ["h264_open_gop", "h264_open_gop_ts", "h264_intra_refresh_ts", "h264_ts", "h264_avi", "h264_edit_list", "hevc_open_gop", "av1", "av1_mkv", "mpeg4_avi_bframes", "mpeg4_mp4_bframes", "mpeg2_ts", "mpeg1_ps", "wmv", "two_streams", "cut_mid_gop_ts"],
}  # fmt: skip
AVAILABLE = {row.name: row.available for row in backends()}


def upright(kind: str, frames: np.ndarray) -> np.ndarray:
    """Turn pictures back to how they were drawn, to read their numbers."""
    return np.rot90(frames, 1, (2, 3)) if kind == "rotated_90" else frames


@pytest.mark.parametrize("kind", READABLE)
def test_every_frame_by_itself_in_any_order_and_in_sequence(clip, read_number, rng, kind):
    made = clip(kind)
    with open_video(made.path) as video:
        times_s = video.times_s
        if made.times_s is not None:
            np.testing.assert_allclose(times_s, made.times_s, atol=1e-3)
        order = rng.permutation(np.repeat(np.arange(len(times_s)), 2))
        batch = video.frames_at(times_s[order])
        np.testing.assert_array_equal(read_number(upright(kind, batch)), made.numbers[order])
        single = np.concatenate([video.frames_at(times_s[n]) for n in rng.permutation(len(times_s))[:12]])
        assert set(read_number(upright(kind, single))) <= set(made.numbers.tolist())
        sequence = list(video.frames())
    assert [time_s for time_s, _ in sequence] == times_s.tolist()
    whole = np.stack([frame for _, frame in sequence])
    np.testing.assert_array_equal(whole[order], batch)  # the same pictures bit for bit, skipping or not
    np.testing.assert_array_equal(read_number(upright(kind, whole)), made.numbers)


@pytest.mark.parametrize("kind", READABLE)
def test_single_frames_are_bit_identical_to_a_plain_decode(clip, kind, rng):
    made = clip(kind)
    with av.open(str(made.path)) as container:
        plain = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with open_video(made.path) as video:
        turns = video.index.quarter_turns
        assert len(plain) == len(video.times_s)
        for n in rng.permutation(len(plain))[:8]:
            np.testing.assert_array_equal(
                video.frames_at(video.times_s[n])[0], np.rot90(plain[n], turns).transpose(2, 0, 1)
            )


@pytest.mark.parametrize("backend", ["torchcodec", "decord"])
@pytest.mark.parametrize("kind", READABLE)
def test_other_backends_are_right_or_refused(clip, read_number, kind, backend, rng):
    if not AVAILABLE[backend]:
        pytest.skip(f"{backend} is not available here")
    made = clip(kind)
    if kind in REFUSED[backend]:
        with pytest.raises(VideoError, match=backend) as caught:
            open_video(made.path, backend=backend)
        assert caught.value.kind == "backend"
        return
    with open_video(made.path) as ours, open_video(made.path, backend=backend) as theirs:
        order = rng.permutation(len(ours.times_s))
        a, b = ours.frames_at(ours.times_s[order]), theirs.frames_at(ours.times_s[order])
    assert a.shape == b.shape
    np.testing.assert_array_equal(read_number(upright(kind, b)), made.numbers[order])
    tolerance = 6.0 if kind == "h264_10bit" else 1.0  # FFmpeg's versions take 10 bits to 8 with and without dither
    assert np.abs(a.astype(int) - b).mean() < tolerance


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [("joined_ts", "duplicate_times", "jumps back"), ("joined_new_size_ts", "size_change", "160 x 96")],
)
def test_files_whose_times_name_no_frame_are_refused(clip, kind, error, message):
    with pytest.raises(VideoError, match=message) as caught:
        open_video(clip(kind).path)
    assert caught.value.kind == error
    assert caught.value.time_s is not None


@pytest.mark.parametrize("kind", [kind for kind in READABLE if kind not in ("h264_fragmented", "two_streams")])
def test_mp4_tables_say_what_demuxing_says(clip, kind):
    path = str(clip(kind).path)
    with opened(path) as container:
        table = packet_table(path, container, container.streams.video[0])
    if not path.endswith((".mp4", ".mov")):
        assert table is None
        return
    with opened(path) as container:
        demuxed = frame_index._demuxed(path, container, container.streams.video[0])
    assert table is not None
    for ours, theirs in zip(table, demuxed):
        np.testing.assert_array_equal(ours, theirs)


def test_gradual_refresh_is_decoded_from_the_start(clip):
    with open_video(clip("h264_intra_refresh_ts").path) as video:
        assert video.index.key.sum() == 1
    with open_video(clip("h264_ts").path) as video:
        assert video.index.key.sum() > 3


def test_what_the_index_knows(clip):
    def index(kind):
        with open_video(clip(kind).path) as video:
            return video.index

    assert index("h264_open_gop").has_open_gop
    assert not index("h264_bframes").has_open_gop
    assert index("h264_edit_list").has_edit_list
    assert index("mpeg4_avi_bframes").learned_order
    assert not index("mpeg4_avi").learned_order
    assert index("h264_bframes").reorders
    assert not index("h264_no_bframes").reorders
    assert index("two_streams").num_video_streams == 2


def data_files(root):
    return sorted(p for p in (root / "decode").rglob("*") if p.is_file() and p.suffix not in (".md", ".csv"))


@pytest.mark.slow
@pytest.mark.real_data
def test_files_of_other_projects(data_root, rng):
    """Every file: random frames equal a sequential decode bit for bit. One is damaged, and says where."""
    damaged, wrong = [], []
    for path in data_files(data_root):
        try:
            with open_video(path) as video:
                sequence = dict(video.frames())
                picks = rng.permutation(len(video.times_s))[:20]
                times = video.times_s[picks]
                same = all(np.array_equal(f, sequence[t]) for f, t in zip(video.frames_at(times), times))
                alone = all(np.array_equal(video.frames_at(t)[0], sequence[t]) for t in times[:8])
                if not (same and alone and len(sequence) == len(video.times_s)):
                    wrong.append(path.name)
        except VideoError as error:
            damaged.append((path.name, error.kind))
    assert not wrong
    assert damaged == [("corrupted.mp4", "corrupt")]


@pytest.mark.real_data
def test_rotated_files_of_other_projects_are_upright(data_root):
    """The same film turned by 0, 90, 180, 270 degrees: once upright the pictures agree with OpenCV's, which turns them."""
    import cv2

    for name in ("video_0", "video_90", "video_180", "video_270"):
        path = data_root / "decode" / "decord" / f"{name}.mov"
        capture = cv2.VideoCapture(str(path))
        theirs = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
        capture.release()
        with open_video(path) as video:
            ours = video.frames_at(video.times_s[0])[0].transpose(1, 2, 0)
            assert (video.video.height, video.video.width) == ours.shape[:2]
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).mean() < 1.0


@pytest.mark.real_data
def test_mp4_tables_of_real_files(data_root):
    files = [p for p in data_root.rglob("*") if p.suffix in (".mp4", ".mov")]
    assert len(files) > 300
    for path in files[::5]:
        with opened(str(path)) as container:
            table = packet_table(str(path), container, container.streams.video[0])
        with opened(str(path)) as container:
            demuxed = frame_index._demuxed(str(path), container, container.streams.video[0])
        assert table is not None
        for ours, theirs in zip(table, demuxed):
            np.testing.assert_array_equal(ours, theirs, err_msg=str(path))


def test_a_clip_wanted_by_several_views_is_decoded_once(clip, read_number):
    with open_video(clip("h264_bframes").path) as video:
        times = video.times_s[10:20]
        calls = []
        inner = video._reader.decode
        video._reader.decode = lambda wanted: calls.append(list(wanted)) or inner(wanted)
        requests = [
            ClipRequest("x", times),
            ClipRequest("x", times[::-1], size=(40, 56)),
            ClipRequest("x", times, crop=(0, 0, 1, 0.5)),
        ]
        clips = video.read(requests)
    assert calls == [list(range(10, 20))]
    assert read_number(clips[0].frames[:, 0]).tolist() == list(range(10, 20))
    assert clips[1].frames.shape == (10, 1, 3, 40, 56)
    assert clips[2].frames.shape == (10, 1, 3, 40, 112)
