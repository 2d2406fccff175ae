"""Files that begin in an open group of pictures, and files whose times go back: right, and as strict as others on damage."""

import itertools
import shutil
import subprocess

import av
import numpy as np
import pytest

from mvssl.types import ClipRequest
from mvssl.video import build_index, open_video, scan
from mvssl.video._bitstream import holds_idr

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
OPEN = {"crf": "16", "preset": "veryfast", "x264-params": "open-gop=1:b-adapt=0"}


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


def pictures_of(path):
    """As the command line tool decodes them, (N, 3, 80, 112)."""
    command = ["ffmpeg", "-v", "quiet", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 80, 112, 3).transpose(0, 3, 1, 2)


@pytest.fixture(scope="module")
def cuts(tmp_path_factory, encode_as):
    """Cut once, at a key frame that is no IDR picture; cut by way of Matroska, where leading pictures lose their times."""
    folder = tmp_path_factory.mktemp("cuts")
    source = encode_as(folder / "source.mp4", "libx264", bframes=3, options=OPEN)
    made = {name: folder / f"{name}.mp4" for name in ("one", "two", "twice")} | {"matroska": folder / "once.mkv"}
    ffmpeg("-ss", 0.5, "-t", 0.61, "-i", source, "-c", "copy", made["one"])
    ffmpeg("-ss", 1.1, "-t", 0.61, "-i", source, "-c", "copy", made["two"])
    ffmpeg("-ss", 0.9, "-i", source, "-c", "copy", made["matroska"])
    hidden = encode_as(folder / "hidden_source.mp4", "libx264", bframes=4, options=OPEN)
    made["hidden"] = folder / "hidden.mp4"  # its edit list hides the first key frame
    ffmpeg("-ss", 0.61, "-i", hidden, "-c", "copy", made["hidden"])
    ffmpeg("-i", made["matroska"], "-c", "copy", made["twice"])
    return made


@needs_ffmpeg
@pytest.mark.parametrize("name", ["one", "two", "twice", "matroska", "hidden"])
def test_a_cut_in_an_open_group_is_read_as_ffmpeg_reads_it(cuts, name, recwarn):
    expected = pictures_of(cuts[name])
    with open_video(cuts[name]) as video:
        assert np.array_equal(video.frames_at(video.times_s), expected)
        for number in np.random.default_rng(3).permutation(len(expected))[:12]:
            assert np.array_equal(video.frames_at(video.times_s[number])[0], expected[number])
        assert sum(1 for _ in video.frames()) == len(expected)
    assert [w.message for w in recwarn] == []
    assert not [
        p for p in scan(cuts[name].parent, decode=True).problems if p.kind in ("corrupt", "odd_tables") or p.fatal
    ]


def strict_errors(path):
    """Packets of the first group that a decoder in strict mode calls an error."""
    found = set()
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "crccheck+explode"}
        for number, packet in enumerate(itertools.islice(container.demux(video=0), 12)):
            try:
                packet.decode()
            except av.FFmpegError:
                found.add(number)
    return found


@needs_ffmpeg
@pytest.mark.parametrize("name", ["one", "two"])
def test_damage_behind_such_a_cut_is_found(cuts, tmp_path, name):
    """What a decoder calls an error in the damaged file and not in the healthy one is flagged, up to the next key frame; of the
    picture right behind the leading ones (packet 4), what had to be concealed."""
    data, path = cuts[name].read_bytes(), tmp_path / "film.mp4"
    with av.open(str(cuts[name])) as container:
        packets = [(p.pos, p.size, bytes(p)) for p in container.demux(video=0) if p.size]
        assert not holds_idr(packets[0][2], container.streams.video[0].codec_context.extradata)
    excused = strict_errors(cuts[name])
    assert excused <= {1, 2, 3, 4}
    assert excused
    rng, seen, found_behind = np.random.default_rng(5), 0, 0
    for number in range(20):
        victim = 4 + number % 5  # behind the leading pictures
        at, size, _ = packets[victim]
        start = int(rng.integers(5, size // 2))
        spoilt = rng.bytes(size - start) if number % 2 else b"\xff" * (size - start)
        path.write_bytes(data[: at + start] + spoilt + data[at + size :])
        errors = strict_errors(path) - excused
        with open_video(path, damaged="flag") as video:
            shown, last = video.index.shown, int(np.flatnonzero(video.index.key)[1])
            damaged = video.read([ClipRequest("x", video.times_s)])[0].damaged[:, 0]
        for error in errors & set(shown.tolist()) - {4}:
            assert damaged[(shown >= error) & (shown < last)].all()
            seen += 1
        found_behind += bool(victim == 4 and damaged[shown == 4].all())
    assert seen >= 5
    assert found_behind


@needs_ffmpeg
def test_pictures_whose_times_go_back_keep_the_decoders_order(tmp_path, encode_as):
    """Every third time lies before the one it follows: the picture comes right after it, and single reads agree."""
    source = encode_as(tmp_path / "source.mp4", "libx264", bframes=3, options=OPEN)
    path = tmp_path / "back.mp4"
    clock = ["-vf", "setpts='PTS+0.6*mod(N,3)/30/TB'", "-vsync", "passthrough", "-enc_time_base", "1/30000"]
    ffmpeg("-i", source, *clock, "-c:v", "libx264", "-bf", 3, path)
    expected = pictures_of(path)
    index = build_index(path)
    stated = np.arange(60) * 1000 + np.arange(60) % 3 * 600
    assert np.abs(index.shown_pts - np.maximum.accumulate(stated)).max() <= 2
    with open_video(path) as video:
        for number in range(60):
            assert np.array_equal(video.frames_at(video.times_s[number])[0], expected[number])


@needs_ffmpeg
def test_a_cut_in_gradual_refresh_begins_with_the_first_picture_that_comes_out(tmp_path, encode_as):
    """The packet where it begins is no whole picture, nor are those behind it: nobody shows them."""
    refresh = {"preset": "veryfast", "x264-params": "intra-refresh=1"}
    source = encode_as(tmp_path / "source.mp4", "libx264", bframes=0, gop=30, options=refresh)
    path = tmp_path / "cut.mp4"
    ffmpeg("-ss", 1.1, "-i", source, "-c", "copy", path)
    expected = pictures_of(path)
    with open_video(path) as video:
        assert len(video.times_s) == len(expected)
        assert np.array_equal(video.frames_at(video.times_s), expected)
        for number in (len(expected) - 1, 0, len(expected) // 2):
            assert np.array_equal(video.frames_at(video.times_s[number])[0], expected[number])


@needs_ffmpeg
def test_a_copy_of_bare_h264_hides_its_first_key_frame(tmp_path, encode_as):
    """Decoding times for presentation times, and an edit list that hides the key frame: its flag stays."""
    source = encode_as(tmp_path / "source.mp4", "libx264", bframes=3, options={"preset": "veryfast"})
    ffmpeg("-i", source, "-c", "copy", "-bsf:v", "h264_mp4toannexb", tmp_path / "bare.h264")
    path = tmp_path / "copy.mp4"
    ffmpeg("-framerate", 30, "-i", tmp_path / "bare.h264", "-c", "copy", path)
    assert build_index(path).key[0]
    expected = pictures_of(path)
    with open_video(path) as video:
        assert np.array_equal(video.frames_at(video.times_s), expected)
        assert np.array_equal(video.frames_at(video.times_s[3])[0], expected[3])


@needs_ffmpeg
def test_an_avi_whose_clock_runs_at_twice_its_rate_is_whole(tmp_path, encode_as):
    """Copied from MP4, an AVI takes the rate of fields: packets are two ticks apart, and so is the last from the end."""
    source = encode_as(tmp_path / "source.mp4", "libx264", bframes=3, options={"preset": "veryfast"})
    path = tmp_path / "copy.avi"
    ffmpeg("-ss", 0.3, "-i", source, "-c", "copy", path)
    with av.open(str(path)) as container:
        stamps = [p.dts for p in container.demux(video=0) if p.size]
        assert np.median(np.diff(stamps)) == 2
    expected = pictures_of(path)
    with open_video(path) as video:
        assert np.array_equal(video.frames_at(video.times_s), expected)


def test_idr_pictures_are_told_from_others():
    idr, other, record = b"\x65\x88", b"\x41\x9a", b"\x01\x64\x00\x1f\xff"  # NAL units of types 5 and 1; 4-byte lengths
    sized = [len(unit).to_bytes(4, "big") + unit for unit in (other, idr)]
    assert holds_idr(b"".join(sized), record)
    assert not holds_idr(sized[0], record)
    assert holds_idr(b"\0\0\0\1" + other + b"\0\0\1" + idr, None)
    assert not holds_idr(b"\0\0\1" + other, None)
    assert not holds_idr(b"", record)
