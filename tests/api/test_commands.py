"""Every command's answer to bad input: one line on standard error, exit code 2, no traceback, nothing half-written."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from mvssl import cli
from mvssl.embedding import Model
from mvssl.video import write_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (8, 32, 48, 3), dtype=np.uint8)
    for name, repeats in (("a", 2), ("b", 3), ("c", 4)):
        write_video(root / f"{name}.mp4", np.repeat(base, repeats, axis=0), fps=10)
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    Model(encoder={"name": "image", "backbone": "test_resnet", "weights": "none"}, recipe={"size": 32}).save_pretrained(
        folder / "model"
    )
    return folder


def call(capsys, monkeypatch, *words):
    """Exit code, standard output and standard error of a command, in this process."""
    monkeypatch.setattr(sys, "argv", ["mvssl", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    found = capsys.readouterr()
    return code, found.out, found.err


def bad_folder(tmp_path, kind):
    folder = tmp_path / "in"
    if kind != "missing":
        folder.mkdir()
    if kind == "no videos":
        (folder / "notes.txt").write_text("nothing to see")
    if kind == "text named mp4":
        (folder / "x.mp4").write_text("this is no video")
    return folder


@pytest.mark.parametrize("kind", ["missing", "empty", "no videos", "text named mp4"])
@pytest.mark.parametrize("command", ["scan", "pretrain", "embed", "search", "evaluate"])
def test_a_bad_folder_is_one_clear_line(tmp_path, run, capsys, monkeypatch, kind, command):
    folder, out = bad_folder(tmp_path, kind), tmp_path / "out"
    words = {
        "scan": ["scan", folder, "-o", out / "index.parquet"],
        "pretrain": ["pretrain", "carl", f"data.root={folder}", "encoder.weights=none", "-o", out],
        "embed": ["embed", run, folder, "-o", out],
        "search": ["search", folder, "x.mp4@1s", "--run", run, "-o", out],
        "evaluate": ["evaluate", run, folder, "-o", out],
    }[command]
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 2
    assert err.startswith("mvssl: ")
    assert err.count("\n") == 1
    assert str(folder) in err
    assert not [path for path in out.rglob("*") if path.is_file()] if out.exists() else True


def test_align_names_what_it_cannot_read(tmp_path, run, videos, capsys, monkeypatch):
    code, _, err = call(
        capsys, monkeypatch, "align", videos / "a.mp4", tmp_path / "none.mp4", "--run", run, "-o", tmp_path / "o"
    )
    assert (code, err.count("\n")) == (2, 1)
    assert "none.mp4" in err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["pretrain", "carll", "data.root=x"],
            "no such file, and no shipped pretrain config; shipped: .*did you mean 'carl'",
        ),
        (
            ["pretrain", "carl", "data.root=x", "objective.temprature=1"],
            "objective: temprature: no such key.*did you mean 'temperature'",
        ),
        (["pretrain", "carl", "data.root"], "'data.root': an override is written key=value"),
        (["embed", "no/such/run", "x"], "no/such/run: no such run"),
        (["embed", "zero-shot", "x", "--shard", "3/2"], "--shard 3/2: written i/n"),
        (["align", "a.mp4", "b.mp4", "--pin", "x"], "--pin x: written REF=QUERY"),
    ],
)
def test_wrong_words_are_answered_with_the_way_out(words, message, capsys, monkeypatch):
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 2
    assert re.search(message, err), err
    assert err.count("\n") == 1


def test_align_writes_a_video_a_matrix_and_a_table(tmp_path, run, videos, capsys, monkeypatch):
    code, out, err = call(
        capsys, monkeypatch, "align", videos / "a.mp4", videos / "b.mp4", "--run", run, "-o", tmp_path
    )
    assert code == 0, err
    assert {path.name for path in tmp_path.iterdir()} == {
        "synchronised.mp4", "matrix-01-b.png", "align.parquet", "deviation.png",
    }  # fmt: skip
    assert re.search(r"b\.mp4: .*same action.* s of its file's clock matched, mean confidence", out)


def test_align_finds_a_known_change_of_speed(tmp_path, run, videos):
    """b shows every picture of a three times in place of two: time 1.5 t."""
    from mvssl.api import align

    time_map = align(videos / "a.mp4", [videos / "b.mp4"], tmp_path, run=run).maps[0]
    expected = 1.5 * time_map.ref_time_s
    assert np.abs(time_map.query_time_s - expected).max() <= 0.3 + 1e-6  # a picture stands for 0.3 s


def test_search_finds_the_same_picture_in_the_other_videos(tmp_path, run, videos, capsys, monkeypatch):
    code, _, err = call(capsys, monkeypatch, "search", videos, "a.mp4@0.5s", "-k", "2", "--run", run, "-o", tmp_path)
    assert code == 0, err
    rows = [line.split(",") for line in (tmp_path / "matches.csv").read_text().splitlines()]
    found = {row[1]: float(row[3]) for row in rows[1:]}
    assert found.keys() == {"b.mp4", "c.mp4"}
    assert 0.6 - 1e-6 <= found["b.mp4"] < 0.9
    assert 0.8 - 1e-6 <= found["c.mp4"] < 1.2
    assert (tmp_path / "contact_sheet.png").stat().st_size > 1000


def test_embed_goes_on_and_shards_add_up(tmp_path, run, videos, capsys, monkeypatch):
    for shard in ("0/2", "1/2", "0/1"):
        code, _, err = call(capsys, monkeypatch, "embed", run, videos, "-o", tmp_path, "--shard", shard)
        assert code == 0, err
    assert len(list(tmp_path.glob("*.parquet"))) == 3


def test_print_shows_the_whole_configuration(capsys, monkeypatch):
    code, out, _ = call(capsys, monkeypatch, "pretrain", "carl", "data.root=x", "--print")
    assert code == 0
    assert "temperature: 0.1" in out
    assert "root: x" in out


def test_every_command_has_help_that_shows_an_example():
    runner = CliRunner()
    for command in cli.app.registered_commands:
        found = runner.invoke(cli.app, [command.name or command.callback.__name__, "--help"])
        assert found.exit_code == 0
        assert "Example: mvssl" in found.output


def test_import_is_light():
    code = "import sys, mvssl; print([m for m in ('torch', 'timm', 'av') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(cli.__file__).parents[2]
    )
    assert found.stdout.strip() == "[]"


def test_sync_finds_the_offset_of_a_cut_camera(tmp_path, run, capsys, monkeypatch):
    rng = np.random.default_rng(1)
    film = np.repeat(rng.integers(0, 255, (16, 32, 48, 3), dtype=np.uint8), 3, axis=0)
    write_video(tmp_path / "whole.mp4", film, fps=10)
    write_video(tmp_path / "cut.mp4", film[9:], fps=10)
    words = [
        "sync",
        tmp_path / "whole.mp4",
        tmp_path / "cut.mp4",
        "--run",
        run,
        "-o",
        tmp_path / "o.csv",
        "--max-offset",
        "2",
    ]
    code, out, err = call(capsys, monkeypatch, *words)
    assert code == 0, err
    assert abs(float(re.search(r"cut\.mp4: ([+-][0-9.]+) s", out)[1]) - 0.9) <= 0.11
    assert (tmp_path / "o.csv").read_text().count("\n") == 2
    assert (tmp_path / "o.png").stat().st_size > 1000


def test_preview_draws_a_batch(tmp_path, videos, capsys, monkeypatch):
    words = ["preview", "carl", f"data.root={videos}", "encoder.weights=none", "batch.size=2", "sampler.num_frames=8"]
    code, out, err = call(capsys, monkeypatch, *words, "-o", tmp_path / "p.png")
    assert code == 0, err
    assert (tmp_path / "p.png").stat().st_size > 5000


def test_compare_pairs_two_results(tmp_path, run, videos, capsys, monkeypatch):
    code, _, err = call(capsys, monkeypatch, "compare", tmp_path / "a", tmp_path / "b")
    assert code == 2
    assert "make them with `mvssl evaluate`" in err
