"""In and out points, read back by another program where it is installed."""

from __future__ import annotations

import json

import pytest

from mvssl.errors import InputError
from mvssl.retrieval import Match, write_edit_list
from mvssl.retrieval.edit_list import timecode

MATCHES = [
    Match(1, "a.mp4", 90, 3.0, 2.4, 4.4, 0.1, path="/videos/a.mp4"),
    Match(2, "b.mp4", 5, 0.2, 0.2, 0.2, 0.2, path="/videos/b.mp4"),
]


@pytest.mark.parametrize(
    ("time_s", "rate", "expected"),
    [(0, 25, "00:00:00:00"), (3599.999, 25, "01:00:00:00"), (61.5, 30, "00:01:01:15"), (0.98, 25, "00:00:00:24")],
)
def test_timecode_counts_frames(time_s, rate, expected):
    assert timecode(time_s, rate) == expected


def test_edl(tmp_path):
    lines = write_edit_list(tmp_path / "m.edl", MATCHES, fps=25).read_text().splitlines()
    assert lines[:2] == ["TITLE: matches", "FCM: NON-DROP FRAME"]
    assert lines[3].split() == ["001", "AX", "V", "C", "00:00:02:10", "00:00:04:10", "00:00:00:00", "00:00:02:00"]
    assert lines[4] == "* FROM CLIP NAME: /videos/a.mp4"
    assert lines[5].split()[4:] == ["00:00:00:00", "00:00:01:05", "00:00:02:00", "00:00:03:05"]
    with pytest.raises(InputError, match=r"\.edl or \.otio"):
        write_edit_list(tmp_path / "m.xml", MATCHES)


def test_otio(tmp_path):
    path = write_edit_list(tmp_path / "m.otio", MATCHES, fps={"a.mp4": 30.0, "b.mp4": 24.0})
    clips = json.loads(path.read_text())["tracks"]["children"][0]["children"]
    assert [clip["source_range"]["start_time"]["value"] for clip in clips] == [72.0, 0.0]
    assert clips[1]["source_range"]["duration"] == {"OTIO_SCHEMA": "RationalTime.1", "rate": 24.0, "value": 29.0}
    assert clips[0]["media_reference"]["target_url"] == "file:///videos/a.mp4"
    otio = pytest.importorskip("opentimelineio")
    timeline = otio.adapters.read_from_file(str(path))
    assert [clip.name for clip in timeline.find_clips()] == ["a.mp4", "b.mp4"]
    assert timeline.duration().to_seconds() == pytest.approx(2.0 + 29 / 24, abs=0.02)
