"""Small tables of frames made by code, and the real ones as tables without pictures."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segment, Segments, read_segments

PHASES = ("one", "two", "three")


@pytest.fixture
def make_video():
    """A video of ``num_frames`` frames at ``fps`` whose embedding is given, or its own clock."""

    def make(name, embedding=None, *, num_frames=30, fps=10.0, **fields):
        time_s = np.arange(num_frames if embedding is None else len(embedding)) / fps
        if embedding is None:
            embedding = ((np.arange(num_frames) + 0.5) / num_frames)[:, None]
        end_s = float(time_s[-1] + 1 / fps)
        frame = np.arange(len(time_s))
        return VideoFrames(name, frame, time_s, np.asarray(embedding), **{"end_s": end_s, **fields})

    return make


@pytest.fixture
def phased(make_video):
    """12 videos of 3 phases; dimension 0 tells the phase, the others are noise; 8 train, 4 val."""
    generator = np.random.default_rng(3)
    videos, segments = [], Segments()
    for i in range(12):
        num_frames = int(generator.integers(24, 40))
        cuts = np.sort(generator.choice(np.arange(4, num_frames - 4), 2, replace=False))
        phase = np.searchsorted(cuts, np.arange(num_frames), side="right")
        embedding = np.concatenate([phase[:, None] * 3.0, generator.normal(size=(num_frames, 3))], axis=1)
        name = f"v{i:02d}.mp4"
        split = "train" if i < 8 else "val"
        videos.append(make_video(name, embedding, split=split, session=f"s{i}", group=f"g{i}", label="act"))
        edges = [0, *(cuts / 10), num_frames / 10]
        pieces = zip(edges, edges[1:], PHASES)
        segments[name] = [Segment(start_s, end_s, label) for start_s, end_s, label in pieces]
    return Frames(videos, {"model": "made by code"}), segments


@pytest.fixture
def real_table(data_root):
    """Tables of pushups, falls or raise_hand as their label files describe them; embeddings are zeros."""

    def read(name):
        times: dict[str, list[float]] = {}
        with gzip.open(data_root / name / "frames.csv.gz", "rt") as file:
            for row in csv.DictReader(file):
                times.setdefault(row["video"], []).append(float(row["time_s"]))
        with (data_root / name / "videos.csv").open() as file:
            rows = list(csv.DictReader(file))
        videos = []
        for row in rows:
            time_s = np.array(times[row["video"]])
            keys = ("session", "camera", "group", "split")
            about = {key: row.get(key, "") for key in keys} | {"label": row.get("action", "")}
            blank = np.zeros((len(time_s), 1), dtype=np.float32)
            end_s = float(row["duration_s"])
            videos.append(VideoFrames(row["video"], np.arange(len(time_s)), time_s, blank, end_s=end_s, **about))
        return Frames(videos), read_segments(data_root / name / "segments.csv"), {row["video"]: row for row in rows}

    return read
