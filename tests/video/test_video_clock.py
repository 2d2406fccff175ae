"""The file's clock and the player's: labels, moments, edit lists, sync and truth of files that do not begin at 0."""

from __future__ import annotations

import json
import warnings

import av
import numpy as np
import pytest

from mvssl.alignment import write_boris, write_elan
from mvssl.errors import InputError, VideoError
from mvssl.frames import Frames, VideoFrames, read_video_frames, write_frames
from mvssl.labels import Segment, Segments, read_segments
from mvssl.retrieval import ExactIndex, parse_moment, search, write_edit_list
from mvssl.retrieval.moment import rows_of as rows_of_moment
from mvssl.video import first_s, open_video, read_audio, read_labels, read_videos, scan, write_video

EPOCH_S = 1_700_000_000.125
RATE = 8000


def shifted(source, target, by_s):
    """A stream copy whose clock is ``by_s`` later, as recorders of wall-clock time write."""
    with av.open(str(source)) as there, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in there.streams}
        for packet in there.demux():
            if packet.dts is None:
                continue
            step = round(by_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + step, packet.dts + step
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    return target


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """60 frames of 25 a second (2.4 s), with a click at 1 s."""
    path = tmp_path_factory.mktemp("film") / "plain.mkv"
    frames = (np.full((32, 32, 3), 4 * n, np.uint8) for n in range(60))
    sound = np.zeros((1, round(2.4 * RATE)), np.float32)
    sound[0, RATE : RATE + 200] = 0.5
    write_video(path, frames, fps=25, audio=sound, sample_rate=RATE)
    return path


@pytest.fixture
def late(film, tmp_path):
    return shifted(film, tmp_path / "late.mkv", 1.5)


def labels(folder, *rows, clock=None):
    head = "video,start_s,end_s,label" + (",clock" if clock else "")
    path = folder / "segments.csv"
    path.write_text("\n".join([head, *(f"{row}{',' + clock if clock else ''}" for row in rows)]) + "\n")
    return path


PLAYER = ("late.mkv,0,1,down", "late.mkv,1,2,up", "late.mkv,2,2.4,rest")


def counted(segments, video):
    with open_video(video) as decoder:
        found = segments.at(video.id, decoder.times_s)
    return [int((found == name).sum()) for name in ("down", "up", "rest")]


def test_labels_of_a_player_are_refused_unless_the_table_says_so(late, tmp_path):
    videos = read_videos(late)
    assert first_s(videos[0]) == pytest.approx(1.5)
    with pytest.raises(InputError, match=r"row 2: late\.mkv: 'down' .* covers no frame.*1\.500 s.*column clock"):
        read_labels(labels(tmp_path, *PLAYER), videos)
    with pytest.raises(InputError, match=r"row 2: .*covers no frame"):
        read_labels(labels(tmp_path, *PLAYER, clock="file"), videos)
    placed = read_labels(labels(tmp_path, *PLAYER, clock="player"), videos)
    assert counted(placed, videos[0]) == [25, 25, 10]
    on_file = ("late.mkv,1.5,2.5,down", "late.mkv,2.5,3.5,up", "late.mkv,3.5,3.9,rest")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stated = read_labels(labels(tmp_path, *on_file, clock="file"), videos)
    assert counted(stated, videos[0]) == [25, 25, 10]
    with pytest.warns(UserWarning, match=r"do not begin at 0 .*1\.500 s.*column clock"):
        assert read_labels(labels(tmp_path, *on_file), videos) == stated


def test_labels_that_fit_the_other_clock_better_are_named(late, tmp_path):
    videos = read_videos(late)
    with pytest.warns(UserWarning, match=r"3[78]% of the labelled time lies on frames, but 100% would"):
        read_labels(labels(tmp_path, "late.mkv,0,2.4,all"), videos)
    with pytest.warns(UserWarning, match="3[78]% of the labelled time lies on frames, but 100% would"):
        read_labels(labels(tmp_path, "late.mkv,1.5,3.9,all", clock="player"), videos)
    with pytest.raises(InputError, match="row 2, column clock: 'wall'; known are file and player"):
        read_labels(labels(tmp_path, "late.mkv,0,1,x", clock="wall"), videos)


def test_labels_that_cover_no_frame_are_refused_whatever_the_clock(film, tmp_path):
    videos = read_videos(film)
    for row in ("plain.mkv,2.5,3,late", "plain.mkv,-2,-1,early", "plain.mkv,0.01,0.03,between"):
        with pytest.raises(InputError, match=f"row 2: plain.mkv: '{row.split(',')[-1]}'.*covers no frame"):
            read_labels(labels(tmp_path, row), videos)
    kept = read_labels(labels(tmp_path, "plain.mkv,0,9,long", "other.mkv,7,8,elsewhere"), videos)
    assert kept == {"plain.mkv": [(0, 9, "long")], "other.mkv": [(7, 8, "elsewhere")]}


def test_a_table_on_the_players_clock_needs_the_videos(late, tmp_path):
    table = labels(tmp_path, *PLAYER, clock="player")
    assert read_segments(table)["late.mkv"][0] == (0, 1, "down")  # as written
    with pytest.raises(InputError, match="cannot be read"):
        read_labels(table, [read_videos(late)[0]._replace(path="gone.mkv")])


@pytest.mark.parametrize("by_s", [1.5, 36_000.0, EPOCH_S])
def test_scan_shows_the_offset(film, tmp_path, by_s):
    shifted(film, tmp_path / "late.mkv", by_s)
    report = scan(tmp_path)
    (remark,) = [p for p in report.problems if p.kind == "clock"]
    assert remark.time_s == pytest.approx(by_s, abs=1e-3)
    assert f"first frame is at {by_s:.3f} s of the file's clock, at 0 s of a player's" in remark.message
    assert not any(p.kind == "clock" for p in scan(film).problems)


def table(first, name="late.mkv", step=0.04):
    time_s = first + np.arange(60) * step
    rows = np.random.default_rng(len(name)).normal(size=(60, 4)).astype(np.float32)
    return VideoFrames(name, np.arange(60), time_s, rows, path=f"/v/{name}", first_s=first)


@pytest.mark.parametrize("first", [0.0, 36_000.0, EPOCH_S])
def test_moments_are_read_as_a_player_shows_them(first):
    frames = Frames([table(first), table(0.0, "b.mkv"), table(EPOCH_S, "cc.mkv")])
    moment = parse_moment("late.mkv@1.2s", frames)
    assert moment.start_s == first + 1.2
    assert rows_of_moment(moment, frames["late.mkv"]) == slice(30, 31)
    assert rows_of_moment(parse_moment("late.mkv@f30-f40", frames), frames["late.mkv"]) == slice(30, 41)
    with pytest.raises(InputError, match=r"@5s is outside the video, whose frames run from 0\.000 s to 2\.360 s"):
        rows_of_moment(parse_moment("late.mkv@5s", frames), frames["late.mkv"])
    for match in search(ExactIndex(frames), "late.mkv@1.2s", k=2):
        assert match.first_s == frames[match.video].first_s
        assert 0 <= match.time_s - match.first_s <= 2.36


def test_edit_lists_count_from_the_first_frame(tmp_path):
    frames = Frames([table(0.0, "a.mkv"), table(EPOCH_S, "b.mkv"), table(36_000.0, "c.mkv")])
    matches = search(frames, "a.mkv@0.4s-0.8s", k=2)
    text = write_edit_list(tmp_path / "m.edl", matches).read_text()
    points = [line.split()[4:6] for line in text.splitlines() if "AX" in line]
    assert all(point.startswith("00:00:0") for pair in points for point in pair)
    assert "0 IS THE FIRST FRAME" in text
    otio = json.loads(write_edit_list(tmp_path / "m.otio", matches).read_text())
    for clip, match in zip(otio["tracks"]["children"][0]["children"], matches):
        wanted = match.start_s - match.first_s
        assert clip["source_range"]["start_time"]["value"] == round(wanted * 25)
        assert clip["metadata"]["mvssl"]["first_s"] == match.first_s


def test_labels_for_other_programs_count_from_the_first_frame(tmp_path):
    segments = Segments({"a.ts": [Segment(37.5, 38.0, "x")]})
    text = write_boris(tmp_path / "b.tsv", segments, first_s={"a.ts": 36.0}).read_text()
    assert [line.split("\t")[0] for line in text.splitlines()[1:]] == ["1.5000", "2.0000"]
    text = write_elan(tmp_path / "e.eaf", segments, "a.ts", first_s=36.0).read_text()
    assert 'TIME_VALUE="1500"' in text
    assert 'TIME_VALUE="2000"' in text


def test_truth_is_stored_whole(tmp_path):
    source_s = EPOCH_S + np.arange(60)[:, None] * 0.04
    path = write_frames(tmp_path, table(EPOCH_S)._replace(extra={"source_time_s": source_s}), {"model": "m"})
    found, _ = read_video_frames(path)
    np.testing.assert_array_equal(found.extra["source_time_s"], source_s)
    assert found.embedding.dtype == np.float32
    assert found.first_s == EPOCH_S


@pytest.mark.parametrize("by_s", [0.0, 1.5, EPOCH_S])
def test_sound_is_read_from_where_the_file_begins(film, tmp_path, by_s):
    path = shifted(film, tmp_path / "late.mkv", by_s)
    with open_video(path) as decoder:
        start_s, end_s = decoder.video.start_s, decoder.video.end_s
    samples, rate = read_audio(path, start_s, end_s)
    loud = np.flatnonzero(np.abs(samples[0]) > 0.1)
    assert loud[0] / rate == pytest.approx(1.0, abs=0.01)
    if by_s == EPOCH_S:
        with pytest.raises(VideoError, match=r"too much sound.*begins at 1\d{9}\."):
            read_audio(path, 0.0)
