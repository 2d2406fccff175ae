"""The report: one file that needs nothing else, in words that agree with its numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from mvssl.alignment import TimeMap
from mvssl.errors import InputError
from mvssl.reporting.report import Chapter, Part, verdict, write_report
from mvssl.reporting.results import alignment_chapter, numbers_chapter, search_chapter, sentences
from mvssl.reporting.training import settings_chapter, training_chapter

CONFIG = """
objective: {name: carl, temperature: 0.1}
sampler: {name: carl, num_frames: 32, fps: 10.0}
views: {name: carl, size: 128}
encoder: {name: frame, backbone: resnet18, weights: none}
train: {steps: 100, seed: 0}
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    lines = [
        {"step": i, "loss": 5.0 - 0.04 * i, "effective_rank": 40.0 - 0.1 * i, "skipped": 0} for i in range(0, 100, 5)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (32, 24), (9, 90, 190)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_the_file_needs_no_other(run, picture, tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"not played here")
    frame, ones = np.arange(2), np.ones(2)
    found = TimeMap("a", "b", frame, frame * 1.0, frame, frame * 1.0, ones, ones, 0.2)
    chapters = [
        alignment_chapter("Aligned", "test features", found, tmp_path / "v.mp4", picture),
        search_chapter("a@1s", picture),
        numbers_chapter(["", "tau"], [["this run", "0.900"]], [picture]),
        training_chapter(run, tmp_path / "curves"),
        settings_chapter(run),
    ]
    text = write_report(tmp_path / "report.html", "A <title>", ["first & last"], chapters).read_text()
    for source in re.findall(r"(?:src|href)=\"([^\"]*)", text):
        assert source.startswith(("data:image/png;base64,", "data:video/mp4;base64,"))
    assert text.count("data:video/mp4") == 1
    assert "A &lt;title&gt;" in text
    assert "first &amp; last" in text
    assert "not sure" in text


def test_settings_are_told_in_words(run):
    table, whole = settings_chapter(run).parts
    rows = {row[0]: row[1:] for row in table.content[1]}
    assert rows["objective"][0] == "carl"
    assert rows["objective"][1].startswith("CARL: sequence contrast")
    assert rows["sampler.num_frames"] == ["32", "frames of a clip"]
    assert "optimiser.lr" not in rows  # not in this configuration
    assert whole.content == CONFIG


def test_curves_are_those_that_were_measured(run, tmp_path):
    words, curves = training_chapter(run, tmp_path / "curves").parts
    assert "100" not in words.content  # the last logged step was 95
    assert words.content.startswith("96 steps; the loss went from 4.900 to 1.300")
    assert "about 30 directions: alive" in words.content
    assert [path.name for path, _ in curves.content] == ["curve-loss.png", "curve-effective_rank.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path, _ in curves.content)


def test_collapse_and_left_out_steps_are_said(run, tmp_path):
    lines = [{"step": i, "loss": 1.0, "effective_rank": 1.1, "skipped": i // 10} for i in range(0, 100, 10)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = training_chapter(run, tmp_path).parts[0].content
    assert "collapsed" in words
    assert "9 steps were left out" in words


def test_a_folder_that_is_no_run_is_said(tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml"):
        settings_chapter(tmp_path)
    with pytest.raises(InputError, match=r"metrics\.jsonl"):
        training_chapter(tmp_path, tmp_path)


def test_words_agree_with_numbers():
    metric = "phase_classification/accuracy"
    rows = {
        "time only": {metric: 0.6},
        "ImageNet": {metric: 0.5},
        "this run": {metric: 0.7},
        "supervised reference": {metric: 0.9},
    }
    assert "beats every control (0.700; the best control, time only, 0.600)" in sentences(rows)[0]
    assert len(sentences(rows)) == 1  # only what was measured
    rows["ImageNet"] = {metric: 0.7}
    assert "does not beat every control" in verdict(rows, metric, "Accuracy")
    assert sentences({"this run": "not run"}) == []


def test_only_what_is_in_the_table_is_explained():
    parts = numbers_chapter(["", "tau"], [["time only", "1"], ["this run", "0.9"]]).parts
    terms = [word for part in parts if part.kind == "terms" for word, _ in part.content]
    assert terms == ["tau", "time only", "this run"]


def test_long_text_is_folded(tmp_path):
    text = write_report(
        tmp_path / "r.html", "t", [], [Chapter("c", [Part("folded", "a: <b>", "all of it")])]
    ).read_text()
    assert "<summary>all of it</summary><pre>a: &lt;b&gt;</pre>" in text
