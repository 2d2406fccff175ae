from __future__ import annotations

import importlib
import json

import pytest

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.video import read_videos


@pytest.fixture
def prepare():
    return importlib.import_module("mvssl.converters.finegym").prepare


@pytest.fixture
def finegym(tmp_path):
    """Two videos (one of them missing), one event without elements, one element of two stages, rounded times that overlap."""
    annotations, raw = tmp_path / "annotations", tmp_path / "raw"
    annotations.mkdir()
    raw.mkdir()
    (raw / "0Lt-LS_w.mkv").write_bytes(b"")
    info = {
        "0Lt-LS_w": {
            "E_002407_002435": {
                "event": 1,
                "timestamps": [[2407.3, 2435.28]],
                "segments": {
                    "A_0003_0005": {"stages": 1, "timestamps": [[3.02, 5.16]]},
                    "A_0005_0009": {"stages": 2, "timestamps": [[5.11, 6.5], [7.5, 9.0]]},
                    "A_0012_0013": {"stages": 1, "timestamps": [[12.0, 13.0]]},
                },
            },
            "E_002500_002510": {"event": 4, "timestamps": [[2500.0, 2510.0]], "segments": None},
        },
        "gone": {
            "E_000001_000009": {
                "event": 2,
                "timestamps": [[1.0, 9.0]],
                "segments": {"A_0001_0002": {"stages": 1, "timestamps": [[1.0, 2.0]]}},
            }
        },
    }
    (annotations / "finegym_annotation_info_v1.0.json").write_text(json.dumps(info))
    lines = ["0Lt-LS_w_E_002407_002435_A_0005_0009 17", "0Lt-LS_w_E_002407_002435_A_0003_0005 50"]
    (annotations / "gym99_train_element_v1.0.txt").write_text("\n".join(lines) + "\n")
    (annotations / "gym99_val_element.txt").write_text("gone_E_000001_000009_A_0001_0002 3\n")
    return annotations, raw


def test_events_are_ranges_and_all_stages_are_labelled(prepare, finegym, tmp_path):
    counts = prepare(*finegym, tmp_path / "out")
    assert counts == {"missing_videos": 1}
    (video,) = read_videos(tmp_path / "out" / "videos.csv", probe=False)
    assert video.id == "0Lt-LS_w_E_002407_002435"
    assert (video.start_s, video.end_s, video.group, video.label) == (2407.3, 2435.28, "0Lt-LS_w", "event 1")
    rows = read_segments(tmp_path / "out" / "segments.csv")[video.id]
    expected = [(2410.32, 2412.41, "gym99/50"), (2412.41, 2413.8, "gym99/17"), (2414.8, 2416.3, "gym99/17")]
    assert [pytest.approx(row[:2]) for row in rows] == [row[:2] for row in expected]
    assert [row.label for row in rows] == [row[2] for row in expected]


def test_contradictions_are_named(prepare, finegym, tmp_path):
    annotations, raw = finegym
    val = annotations / "gym99_val_element.txt"
    val.write_text("0Lt-LS_w_E_002407_002435_A_0012_0013 3\n")
    with pytest.raises(InputError, match="in both train and val"):
        prepare(annotations, raw, tmp_path / "out")
    val.write_text("0Lt-LS_w_E_002500_002510_A_0001_0002 3\n")
    with pytest.raises(InputError, match="use lists of one version"):
        prepare(annotations, raw, tmp_path / "out")
    val.write_text("no element here\n")
    with pytest.raises(InputError, match="line 1: expected"):
        prepare(annotations, raw, tmp_path / "out")
    with pytest.raises(InputError, match="gym288_train_element"):
        prepare(annotations, raw, tmp_path / "out", classes=288)
