"""Only real containers on this disk are opened, by every way in; a name is a name, whatever is in it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.video import open_video, read_audio, scan, write_video
from mvssl.video.white_list import SOUND, VIDEO

LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile a.mp4\n",
    "ffconcat, absolute": "ffconcat version 1.0\nfile '{folder}/a.mp4'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.mp4\n#EXT-X-ENDLIST\n",
    "hls, absolute": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{folder}/a.mp4\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="0"><BaseURL>a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nTOPSECRET\n",
    "art": "TOPSECRET\n" * 40,
}


@pytest.fixture(scope="module")
def video(
    tmp_path_factory,
):
    path = tmp_path_factory.mktemp("white") / "a.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (10, 32, 48, 3), dtype=np.uint8)
    sound = np.zeros((1, 48_000), dtype=np.float32)
    write_video(path, frames, fps=10, audio=sound)
    return path


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", ["mp4", "ts", "txt", "m3u8"])
def test_a_list_of_files_is_no_video(video, tmp_path, kind, suffix):
    shutil.copy(video, tmp_path / "a.mp4")
    path = tmp_path / f"x.{suffix}"
    path.write_text(LISTS[kind].replace("{folder}", str(tmp_path)))
    for read in (open_video, read_audio):
        with pytest.raises(VideoError) as found:
            read(path)
        assert str(path) in str(found.value)
        assert "file:" not in str(found.value)
    if suffix == "mp4":
        report = scan(tmp_path)
        assert [row.id for row in report.videos] == ["a.mp4"]
        assert [(problem.video_id, problem.fatal) for problem in report.problems] == [("x.mp4", True)]


@pytest.mark.parametrize("name", ["12:30 take.mp4", "concat:a.mp4|a.mp4", "http:a.mp4", "%03d.mp4", "-i.mp4", "pipe:0"])
def test_a_name_is_a_name(video, tmp_path, monkeypatch, name):
    shutil.copy(video, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with open_video(name) as decoder:
        assert len(decoder.times_s) == 10
    assert read_audio(name)[0].shape[1] > 0


def test_names_with_a_colon_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("12:30")
    write_video("12:30/b.mp4", np.zeros((3, 32, 48, 3), dtype=np.uint8), fps=10)
    assert os.listdir("12:30") == ["b.mp4"]


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "x.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for read in (open_video, read_audio):
        with pytest.raises(VideoError, match="not a file"):
            read(path)


def test_pictures_beyond_all_measure_are_refused(tmp_path):
    size = 12_000
    blocks = b"\x02\x4c\x01\x00"
    (tmp_path / "x.gif").write_bytes(
        b"GIF89a" + size.to_bytes(2, "little") * 2 + b"\x80\0\0" + bytes(6)
        + b"\x2c" + bytes(4) + size.to_bytes(2, "little") * 2 + b"\0" + blocks + b"\x3b"
    )  # fmt: skip
    with pytest.raises(VideoError, match="12000 x 12000 are 144 million pixels"):
        open_video(tmp_path / "x.gif")


def test_no_list_is_on_the_list():
    for demuxer in (
        "concat",
        "hls",
        "dash",
        "image2",
        "sdp",
        "rtsp",
        "imf",
        "tty",
        "lavfi",
        "ffmetadata",
        "avisynth",
        "srt",
    ):
        assert demuxer not in (*VIDEO, *SOUND)


def test_nothing_else_opens_a_file_with_ffmpeg():
    package = Path(__file__).parents[2] / "mvssl"
    opening = {
        path.name for path in package.rglob("*.py") for call in re.findall(r"av\.open\(\s*(.*)", path.read_text())
        if not call.startswith('f"file:')
    }  # fmt: skip
    assert opening == set()
