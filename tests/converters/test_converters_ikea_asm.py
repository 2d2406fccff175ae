from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.labels import read_segments
from mvssl.video import read_videos
from mvssl.video.write import write_video


@pytest.fixture
def prepare():
    return importlib.import_module("mvssl.converters.ikea_asm").prepare


@pytest.fixture
def ikea(tmp_path):
    """One scan by two of its three cameras: dev3 at a constant 25 fps, dev1 with uneven times and one frame less."""
    scan = tmp_path / "Kallax_Shelf_Drawer" / "0001_black_table_02_01_2019"
    for camera, times in (("dev3", np.arange(20) / 25), ("dev1", np.arange(19) ** 1.2 / 25)):
        folder = scan / camera / "images"
        folder.mkdir(parents=True)
        pictures = [np.full((32, 32, 3), 5 * i, np.uint8) for i in range(len(times))]
        write_video(folder / "made.mp4", pictures, times_s=times)
        (folder / "made.mp4").rename(folder / "scan_video.avi")
    parts = [("NA", 0, 3), ("flip shelf", 4, 9), ("spin leg", 9, 19)]  # frame 9 is in both
    annotation = [{"label": label, "segment": [first, last]} for label, first, last in parts]
    name = f"{scan.parent.name}/{scan.name}"
    database = {name: {"subset": "testing", "annotation": annotation}}
    path = tmp_path / "gt_segments.json"
    path.write_text(json.dumps({"version": "2.0.0", "database": database}))
    return tmp_path, path, name


def test_times_come_from_the_frames_of_each_camera(prepare, ikea, tmp_path):
    source, annotations, scan = ikea
    counts = prepare(source, annotations, tmp_path / "out")
    assert counts == {"cameras that are not there": 1, "segments cut at the end of the file": 1}
    videos = {video.id: video for video in read_videos(tmp_path / "out" / "videos.csv")}
    assert {(v.session, v.camera, v.split, v.label) for v in videos.values()} == {
        (scan, camera, "val", "Kallax_Shelf_Drawer") for camera in ("dev1", "dev3")
    }
    segments = read_segments(tmp_path / "out" / "segments.csv")
    even, uneven = segments[f"{scan}/dev3"], segments[f"{scan}/dev1"]
    assert [row.label for row in even] == ["flip shelf", "spin leg"]
    assert [even[0].start_s, even[0].end_s, even[1].end_s] == pytest.approx(
        [4 / 25, 9 / 25, videos[f"{scan}/dev3"].end_s], abs=1e-3
    )
    assert [uneven[0].start_s, uneven[0].end_s] == pytest.approx([4**1.2 / 25, 9**1.2 / 25], abs=1e-3)


def test_an_unknown_subset_is_refused(prepare, ikea, tmp_path):
    source, annotations, _ = ikea
    annotations.write_text(annotations.read_text().replace("testing", "holdout"))
    with pytest.raises(InputError, match="subset 'holdout'; known: training, testing"):
        prepare(source, annotations, tmp_path / "out")
