"""Tables and results are told in a few lines, however much they hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mvssl.alignment import FrameLabels, TimeMap
from mvssl.api import Adaptation, Alignment, Indexed
from mvssl.api._evaluate import Evaluation
from mvssl.api._search import SearchResult
from mvssl.brief import WIDTH
from mvssl.errors import InputError
from mvssl.evaluation import Result
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segment, Segments
from mvssl.retrieval import Match
from mvssl.types import Batch, Clip, ClipRequest, Video, View
from mvssl.video import ScanReport

MANY = 1000
TIMES_S = np.arange(MANY) / 10
NUMBERS = np.arange(MANY)
IDS = [f"a folder with a long name/and another one/video {i:04d}.mp4" for i in range(MANY)]
ROWS = VideoFrames(IDS[0], NUMBERS, TIMES_S, np.zeros((MANY, 384), np.float32), extra={"layer": np.zeros((MANY, 9))})
MAP = TimeMap(IDS[0], IDS[1], NUMBERS, TIMES_S, NUMBERS, TIMES_S, TIMES_S, TIMES_S, 0.5, notes=tuple(IDS))
VIDEOS = [Video(name, name) for name in IDS]
MATCHES = [Match(i, name, i, 0.1, 0.1, 0.1, 0.5) for i, name in enumerate(IDS)]
VIEW = View(*(torch.zeros(8, MANY) for _ in View._fields))
BATCH = Batch({"a": VIEW, "b": VIEW}, torch.zeros(8), torch.zeros(8), torch.zeros(8, 2))
SEGMENTS = Segments({name: [Segment(float(i), i + 1.0, f"label {i}") for i in range(9)] for name in IDS})
NUMBERED = dict.fromkeys(IDS, 0.5)
RESULT = Result(
    NUMBERED, dict.fromkeys(IDS, TIMES_S), controls=NUMBERED, videos=tuple(IDS), units=tuple(IDS), details=NUMBERED
)

BIG = {
    "Frames": (Frames([ROWS._replace(video=name) for name in IDS[:50]], {"model": "abc", "pixels": NUMBERED}), "50 videos"),
    "VideoFrames": (ROWS, "float32 (1000, 384)"),
    "TimeMap": (MAP, "ref_time_s=float64 (1000,)"),
    "Segments": (SEGMENTS, "1000 videos, 9000 segments, 9 labels: label 0"),
    "ScanReport": (ScanReport(VIDEOS, []), "videos=[1000: Video(...)"),
    "SearchResult": (SearchResult(MATCHES, "a", "b", "c", bad=[InputError(name) for name in IDS]), "matches=[1000: Match(...)"),
    "Result": (RESULT, "value={1000: "),
    "Evaluation": (Evaluation(dict.fromkeys(IDS, NUMBERED), "r", "t"), "rows={1000: "),
    "Alignment": (Alignment([MAP] * MANY, "v", IDS, "t"), "maps=[1000: TimeMap(...)"),
    "Indexed": (Indexed("i", MANY, MANY, IDS, IDS, []), "num_videos=1000"),
    "FrameLabels": (FrameLabels("v", NUMBERS, TIMES_S, np.array(IDS), TIMES_S), "frame=int64 (1000,)"),
    "Clip": (Clip("v", TIMES_S, np.zeros((9, 1, 3, 8, 8), np.uint8), NUMBERS > 0), "frames=uint8 (9, 1, 3, 8, 8)"),
    "ClipRequest": (ClipRequest("v", TIMES_S), "time_s=float64 (1000,)"),
    "View": (VIEW, "pixels=float32 (8, 1000)"),
    "Batch": (BATCH, "views={a: View(...), b: View(...)}"),
}  # fmt: skip


@pytest.mark.parametrize("name", BIG)
def test_the_whole_is_told_by_its_shape(name):
    thing, told = BIG[name]
    text = repr(thing)
    assert text.startswith(f"{name}(")
    assert told in text
    assert len(text) <= WIDTH
    assert "\n" not in text
    assert str(thing) == text


def test_small_things_are_told_whole():
    assert repr(Result(0.5, undefined=2, controls={"time only": 1 / 3})) == (
        "Result(value=0.5, undefined=2, controls={time only: 0.3333})"
    )
    assert repr(Frames([])) == "Frames(0 videos, metadata={})"
    assert repr(Segments()).startswith("Segments(0 videos, 0 segments, 0 labels")
    assert Adaptation.__repr__ is not tuple.__repr__
