"""``mvssl.api.report``: from a run's folder to its file; which videos and which moment it shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mvssl.api import report
from mvssl.api._report import moment_of, pair_of
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments
from mvssl.types import Video
from mvssl.video import write_video


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "my-run"
    torch.manual_seed(0)
    encoder = {"name": "image", "backbone": "test_resnet", "weights": "none"}
    Model(encoder=encoder, recipe={"size": 32}).save_pretrained(folder / "model")
    (folder / "config.yaml").write_text("objective: {name: simclr}\nencoder: {name: image}\n")
    (folder / "metrics.jsonl").write_text('{"step": 0, "loss": 2.0}\n{"step": 9, "loss": 1.0}\n')
    return folder


def test_a_run_alone_gives_settings_and_training(run, tmp_path):
    text = report(run, tmp_path / "r.html").read_text()
    assert "mvssl: my-run" in text
    assert "SimCLR" in text
    assert "the loss went from 2.000 to 1.000" in text
    assert "data:video" not in text


def test_with_videos_it_shows_what_the_run_can_do(run, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    base = np.random.default_rng(0).integers(0, 255, (10, 32, 48, 3), dtype=np.uint8)
    for name, repeats in (("a", 1), ("b", 2), ("c", 3)):
        write_video(videos / f"{name}.mp4", np.repeat(base, repeats, axis=0), fps=10)
    text = report(run, tmp_path / "r.html", dataset=videos).read_text()
    assert text.count("data:video/mp4") == 1
    assert "The same moment elsewhere" in text
    assert "states no splits" in text
    assert (tmp_path / "r" / "aligned" / "align.parquet").is_file()


def test_no_run_no_report(tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml"):
        report(tmp_path, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_unseen_videos_of_one_action_and_other_takes_are_shown():
    def video(name, **known):
        return Video(name, name, **known)

    videos = [
        video("0", split="train", label="pour"),
        video("1", split="val", label="pour", session="s1", camera="c0"),
        video("2", split="val", label="throw", session="s2", camera="c1"),
        video("3", split="val", label="pour", session="s1", camera="c1"),
        video("4", split="val", label="pour", session="s3", camera="c1"),
    ]
    assert [v.id for v in pair_of(videos)] == ["1", "4"]
    assert [v.id for v in pair_of(videos[:2])] == ["0", "1"]  # one unseen video is not a pair
    with pytest.raises(InputError, match="at least two"):
        pair_of(videos[:1])


def test_the_shortest_inner_phase_is_looked_for():
    video = Video("v", "v", start_s=0.0, end_s=8.0)
    phases = [Segment(0, 0.1, "idle"), Segment(1, 4, "reach"), Segment(4, 5, "pour"), Segment(5, 5.2, "idle")]
    assert moment_of(video, Segments({"v": phases})) == "v@4.50s"
    assert moment_of(video, Segments()) == "v@4.00s"
