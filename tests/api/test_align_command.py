"""Everything that ``mvssl align`` can be asked for."""

import csv
import re
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from mvssl import cli
from mvssl.embedding import Model
from mvssl.video import open_video, write_video


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    spec = {"name": "image", "backbone": "test_resnet", "weights": "none"}
    Model(encoder=spec, recipe={"size": 32}).save_pretrained(folder / "model")
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """One film at different tempos; ``turned`` has left and right exchanged; ``thrice`` is between noise, three times."""
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    film = rng.integers(0, 255, (8, 32, 48, 3), dtype=np.uint8)
    noise = rng.integers(0, 255, (3, 6, 32, 48, 3), dtype=np.uint8)
    films = {
        "a": np.repeat(film, 2, axis=0),
        "b": np.repeat(film, 3, axis=0),
        "c": np.repeat(film, 4, axis=0),
        "turned": np.repeat(film[:, :, ::-1], 3, axis=0),
        "thrice": np.concatenate([part for gap in noise for part in (gap, np.repeat(film, 2, axis=0))]),
    }
    for name, frames in films.items():
        write_video(root / f"{name}.mp4", frames, fps=10)
    (root / "segments.csv").write_text("video,start_s,end_s,label\na.mp4,0,0.8,up\na.mp4,0.8,1.6,down\n")
    return root


def call(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["mvssl", "align", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    found = capsys.readouterr()
    return code, found.out, found.err


def test_labels_are_carried_timed_and_written_for_others(tmp_path, run, videos, capsys, monkeypatch):
    words = [videos / "a.mp4", videos / "b.mp4", videos / "c.mp4", "--run", run, "-o", tmp_path]
    code, out, err = call(capsys, monkeypatch, *words, "--labels", videos / "segments.csv")
    assert code == 0, err
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "segments.csv",
        "tempo.csv",
        "boris.tsv",
        "progress.parquet",
        "01-b.eaf",
        "02-c.eaf",
        "deviation.png",
    } <= names
    with (tmp_path / "segments.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["video"].endswith("b.mp4")]
    assert [row["label"] for row in rows] == ["up", "down"]
    assert float(rows[0]["end_s"]) == pytest.approx(1.2, abs=0.11)
    assert float(rows[1]["end_s"]) == pytest.approx(2.4, abs=0.01)
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)
    with (tmp_path / "tempo.csv").open() as file:
        relative = [float(row["relative"]) for row in csv.DictReader(file) if row["video"].endswith("c.mp4")]
    assert relative == pytest.approx([2.0, 2.0], abs=0.3)
    progress = pq.read_table(tmp_path / "progress.parquet")
    assert progress.column("episode_index").to_pylist() == [0] * 24 + [1] * 32
    assert "labels" in out


def test_the_straight_line_stands_beside_every_result(tmp_path, run, videos, capsys, monkeypatch):
    table = tmp_path / "segments.csv"
    table.write_text((videos / "segments.csv").read_text() + "b.mp4,0,1.2,up\nb.mp4,1.2,2.4,down\n")
    words = [videos / "a.mp4", videos / "b.mp4", videos / "c.mp4", "--run", run, "-o", tmp_path / "out"]
    code, out, err = call(capsys, monkeypatch, *words, "--labels", table)
    assert code == 0, err
    assert len(re.findall(r"\d\.\d\d s from even tempo", out)) == 2
    (line,) = [line for line in out.splitlines() if "phase borders" in line]  # c has no labels of its own
    missed = re.search(r"b\.mp4: 1 phase borders missed by (\S+) s on average, by even tempo alone by (\S+) s", line)
    assert [float(number) for number in missed.groups()] == pytest.approx([0, 0], abs=0.11)
    written = pq.read_table(tmp_path / "out" / "align.parquet")
    row = written.column("query").to_numpy(zero_copy_only=False) == str(videos / "b.mp4")
    line_s = written.column("linear_query_time_s").to_numpy()[row]
    np.testing.assert_allclose(line_s, written.column("ref_time_s").to_numpy()[row] * 2.3 / 1.5, atol=1e-6)


def test_ends_and_tempo_reach_the_alignment(tmp_path, run, videos, monkeypatch):
    from mvssl.api import _align

    seen = []
    pair = _align.align_pair
    monkeypatch.setattr(_align, "align_pair", lambda *a, **o: seen.append((o["ends"], o["tempo"])) or pair(*a, **o))
    for ends, tempo in (("auto", 1.0), ("closed", 0.0), ("open", 1.0)):
        _align.align(videos / "a.mp4", [videos / "b.mp4"], tmp_path, run=run, ends=ends, tempo=tempo)
    assert seen == [("auto", 1.0), ("closed", 0.0), ("open", 1.0)]


def test_rows_that_the_encoder_centred_are_not_centred_again(tmp_path, videos, monkeypatch):
    from mvssl.api import _align

    seen = []
    pair = _align.align_pair
    monkeypatch.setattr(_align, "align_pair", lambda *a, **o: seen.append(o["centre"]) or pair(*a, **o))
    for centre in (True, False):
        spec = {"name": "image", "backbone": "test_resnet", "weights": "none", "centre": centre}
        model = Model(encoder=spec, recipe={"size": 32})
        _align.align(videos / "a.mp4", [videos / "b.mp4"], tmp_path, run=model)
    assert seen == [False, True]


def test_a_folder_alone_finds_its_reference(tmp_path, run, videos, capsys, monkeypatch):
    words = [videos / "a.mp4", videos / "b.mp4", videos / "turned.mp4", "--consensus", "--run", run, "-o", tmp_path]
    code, out, err = call(capsys, monkeypatch, *words)
    assert code == 0, err
    reference = re.search(r"reference .*/(\w+)\.mp4", out)[1]
    assert reference in ("a", "b")
    assert len(list(tmp_path.glob("matrix-*.png"))) == 2


def test_the_mirror_image_is_tried_on_request(tmp_path, run, videos):
    from mvssl.api import align

    pair = (videos / "a.mp4", [videos / "turned.mp4"], tmp_path)
    turned = align(*pair, run=run, mirror=True).maps[0]
    assert turned.mirrored
    assert np.abs(turned.query_time_s - 1.5 * turned.ref_time_s).max() <= 0.31
    assert turned.cost.mean() < align(*pair, run=run).maps[0].cost.mean()
    assert not align(videos / "a.mp4", [videos / "b.mp4"], tmp_path, run=run, mirror=True).maps[0].mirrored


def test_repetitions_are_found_in_a_long_video(tmp_path, run, videos):
    from mvssl.alignment import Calibration
    from mvssl.api import align

    sure = Calibration(1.0, 0.0, 0.0)  # random weights: no curve was fitted for them
    found = align(
        videos / "a.mp4", [videos / "thrice.mp4"], tmp_path, run=run, repetitions=True, calibration=sure, own_speed=True
    )
    assert [float(m.query_time_s[0]) for m in found.maps] == pytest.approx([0.6, 2.8, 5.0], abs=0.11)
    assert [float(m.query_time_s[-1]) for m in found.maps] == pytest.approx([2.1, 4.3, 6.5], abs=0.11)
    with open_video(found.video) as decoder:
        assert decoder.video.width > decoder.video.height


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "dwt"], "--method dwt: known are dtw and nearest"),
        (["--ends", "ajar"], "--ends ajar: known are auto, open, closed"),
        (["--tempo", "-1"], "tempo -1"),
        (["--tempo", "3", "--ends", "open"], "no line to hold to"),
        (["--repetitions", "--tempo", "0"], "repetitions are found by order"),
        (["--repetitions", "--pin", "1=1"], "repetitions are found by order"),
        (["--consensus", "--pin", "1=1"], "pins hold for one reference"),
        (["--labels", "none.csv"], "no such label table"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, run, videos, capsys, monkeypatch, words, message):
    pair = [videos / "a.mp4", videos / "b.mp4", "--run", run, "-o", tmp_path / "out"]
    code, _, err = call(capsys, monkeypatch, *pair, *words)
    assert code == 2
    assert re.search(message, err), err
    assert not (tmp_path / "out").exists()


def test_labels_must_name_the_reference(tmp_path, run, videos, capsys, monkeypatch):
    pair = [videos / "b.mp4", videos / "a.mp4", "--run", run, "-o", tmp_path / "out"]
    code, _, err = call(capsys, monkeypatch, *pair, "--labels", videos / "segments.csv")
    assert code == 2
    assert "the reference has no labels" in err


def test_nearest_and_band(tmp_path, run, videos, capsys, monkeypatch):
    pair = [videos / "a.mp4", videos / "b.mp4", "--run", run, "-o", tmp_path]
    for words in (["--method", "nearest"], ["--band", "0.5", "--own-speed", "--no-sound"]):
        code, _, err = call(capsys, monkeypatch, *pair, *words)
        assert code == 0, err
    times = pq.read_table(tmp_path / "align.parquet")
    gap = np.abs(times.column("query_time_s").to_numpy() - 2.3 / 1.5 * times.column("ref_time_s").to_numpy())
    assert gap.max() <= 0.61
