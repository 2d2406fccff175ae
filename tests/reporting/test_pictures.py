"""Synchronised videos, matrices and contact sheets: the right frame at the right place and time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mvssl.alignment import TimeMap, align
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.labels import Segment, Segments
from mvssl.reporting._tiles import fitted, shortened, timecode
from mvssl.reporting.contact_sheet import contact_tiles, write_contact_page, write_contact_sheet
from mvssl.reporting.matrix import write_matrix
from mvssl.reporting.synchronised import BAR, write_synchronised
from mvssl.retrieval import Match
from mvssl.video import open_video, write_video


def grey(value, size):
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def clips(tmp_path):
    """Grey that tells the time: the reference 2 s at 10 fps, the query at half speed, 25 fps, portrait."""
    write_video(tmp_path / "ref.mp4", (grey(20 + 10 * i, (96, 128)) for i in range(20)), fps=10, crf=4)
    write_video(tmp_path / "query.mp4", (grey(20 + 2 * i, (128, 64)) for i in range(100)), fps=25, crf=4)
    time_s = np.arange(0.2, 1.7, 0.1)
    frame = np.round(time_s * 10).astype(int)
    ones = np.ones(len(time_s), np.float32)
    found = TimeMap("ref", "query", frame, time_s, frame * 5, time_s * 2, ones * 0.1, ones, 1.0)
    return tmp_path / "ref.mp4", tmp_path / "query.mp4", found


def test_the_query_is_warped_to_the_reference(clips, tmp_path):
    ref, query, found = clips
    path = write_synchronised(tmp_path / "out" / "sync.mp4", ref, [(query, found)], cell_height=96)
    with open_video(path) as out:
        assert len(out.times_s) == 20
        assert (out.video.height, out.video.width) == (96 + BAR, 256)
        frames = out.frames_at(out.times_s)
    for i in range(20):
        left, right = frames[i, 0, 60, 20], frames[i, 0, 60, 128 + 64]
        assert left == pytest.approx(20 + 10 * i, abs=4)
        if 2 <= i <= 16:
            assert right == pytest.approx(20 + 10 * i, abs=4)
    # beyond the matched range the last picture is held, darker
    assert frames[0, 0, 60, 192] < 0.6 * frames[2, 0, 60, 192]
    assert frames[19, 0, 60, 192] < 0.6 * frames[16, 0, 60, 192]


def test_own_speed_plays_on_and_links_the_bars(clips, tmp_path):
    ref, query, found = clips
    path = write_synchronised(tmp_path / "own.mp4", ref, [(query, found)], cell_height=96, speed="own")
    with open_video(path) as out:
        frames = out.frames_at(out.times_s)
    assert len(frames) == pytest.approx(36, abs=1)  # 0.4 s to the query's end at 4 s
    for i in range(0, 30, 5):
        assert frames[i, 0, 60, 192] == pytest.approx(20 + 2 * (0.4 + i / 10) * 25, abs=5)
    assert frames[10, 0, 60, 20] == pytest.approx(20 + 120, abs=5)
    assert frames[30, 0, 60, 20] < 0.6 * frames[15, 0, 60, 20]  # the reference has ended: darker


def test_sound_of_the_reference_is_kept(tmp_path, rng):
    sound = (0.2 * np.sin(np.arange(48_000) / 20)).astype(np.float32)[None]
    write_video(tmp_path / "r.mp4", (grey(100, (64, 64)) for _ in range(10)), fps=10, audio=sound)
    with open_video(write_synchronised(tmp_path / "s.mp4", tmp_path / "r.mp4", [])) as out:
        assert out.video.has_audio
    with open_video(write_synchronised(tmp_path / "m.mp4", tmp_path / "r.mp4", [], sound=False)) as out:
        assert not out.video.has_audio


def test_labels_are_written(clips, tmp_path):
    ref, query, found = clips
    labels = Segments({"ref": [Segment(0, 2, "stretch")], "query": [Segment(0, 4, "stretch")]})
    plain, named = (
        write_synchronised(tmp_path / f"{name}.mp4", ref, [(query, found)], cell_height=96, segments=segments)
        for name, segments in (("plain", None), ("named", labels))
    )
    with open_video(plain) as a, open_video(named) as b:
        difference = np.abs(a.frames_at([1.0]).astype(int) - b.frames_at([1.0]))[0].max(0)
    assert difference[:30, :90].max() > 60
    assert difference[:30, 128:220].max() > 60
    assert difference[40:90].max() < 30


def test_contact_sheet_and_page_show_the_frames(clips, tmp_path):
    ref, query, _ = clips
    place = Match(0, "ref", 5, 0.5, 0.5, 0.5, 0.0, path=str(ref))
    found = [
        Match(1, "query", 50, 2.0, 2.0, 2.0, 0.1234, path=str(query)),
        Match(2, "query", 10, 0.4, 0.0, 0.8, 0.3, path=str(query)),
        Match(3, "<b>gone</b>", 0, 0.0, 0.0, 0.0, 0.5, path=str(tmp_path / "gone.mp4")),
    ]
    tiles = contact_tiles(place, found, size=(90, 120))
    middle = [np.asarray(tile.picture)[45, 60, 0] for tile in tiles]
    assert middle[:3] == pytest.approx([70, 120, 40], abs=4)
    assert tiles[1].detail == "0:02.000  f50  d 0.123"
    assert "0:00.000 - 0:00.800" in tiles[2].detail
    with Image.open(write_contact_sheet(tmp_path / "sheet.png", tiles, columns=2)) as sheet:
        size = sheet.size
    assert size == (8 + 2 * 128, 8 + 2 * (90 + 40 + 8))
    page = write_contact_page(tmp_path / "pages" / "sheet.html", tiles).read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert 'data-link="../query.mp4" data-start="1.000" data-end="3.000"' in page
    assert "<b>gone" not in page
    assert "&lt;b&gt;gone" in page
    with pytest.raises(InputError, match="no picture"):
        write_contact_sheet(tmp_path / "empty.png", [])
    with pytest.raises(InputError, match=r"\.png"):
        write_contact_sheet(tmp_path / "sheet.jpg", tiles)


@pytest.mark.parametrize("mode", ["dtw", "nearest"])
def test_matrix_picture(tmp_path, rng, mode):
    rows = rng.normal(size=(60, 64)).astype(np.float32)
    video = VideoFrames("a", np.arange(60), np.arange(60) / 10, rows)
    other = video._replace(video="b", time_s=video.time_s * 1.5, embedding=rows)
    found = align(video, other, mode=mode, pins=[(3.0, 4.5)] if mode == "dtw" else [])
    path = write_matrix(tmp_path / "m.png", video, other, found, segments=Segments({"a": [Segment(0, 3, "x")]}))
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    turquoise = (np.abs(picture - (64, 224, 208)).sum(-1) < 60) & (
        np.arange(picture.shape[1]) < 0.75 * picture.shape[1]
    )
    y, x = np.nonzero(turquoise)
    assert len(y) > 50
    assert np.corrcoef(x, -y)[0, 1] > 0.99  # the path rises to the right
    one = video._replace(frame=video.frame[:1], time_s=video.time_s[:1], embedding=rows[:1])
    assert write_matrix(tmp_path / "one.png", video, one, align(video, one)).exists()


def test_words_and_sizes():
    assert timecode(0.0) == "0:00.000"
    assert timecode(59.9996) == "1:00.000"
    assert timecode(3723.5) == "1:02:03.500"
    assert timecode(-1.25) == "-0:01.250"
    assert fitted((1080, 1920), (360, 640)) == (360, 640)
    assert fitted((1920, 1080), (360, 640)) == (360, 202)
    assert shortened("short", 400, 14) == "short"
    assert shortened("a/very/long/path/clip.mp4", 80, 14).startswith("...")
    assert shortened("a/very/long/path/clip.mp4", 80, 14).endswith("clip.mp4"[-3:])
