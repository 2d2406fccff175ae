"""A run goes on from the newest whole checkpoint, on the data it was begun with, and one process at a time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from mvssl.errors import InputError
from mvssl.training import checkpoint, pretrain, run_lock, trained_on
from mvssl.types import Video
from mvssl.video import write_video


def losses(run):
    return {line["step"]: line["loss"] for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())}


def flip(path, where=0.5):
    """One bit of a file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def two_checkpoints(folder):
    for step in (3, 6):
        weights = torch.nn.Linear(30, 20).state_dict()
        checkpoint.save(folder, step, weights=weights, training={"step": step, "x": torch.rand(500)}, keep=3)
    return folder / "step-00000003", folder / "step-00000006"


@pytest.mark.parametrize(
    "harm", [flip, lambda p: flip(p, 0.9), cut, lambda p: p.unlink(), lambda p: p.write_bytes(b"")]
)
@pytest.mark.parametrize("name", ["module.safetensors", "training.pt"])
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, harm, name):
    older, newer = two_checkpoints(tmp_path)
    harm(newer / name)
    said = []
    assert checkpoint.newest(tmp_path, say=said.append) == older
    assert len(said) == 1
    assert name in said[0]
    assert "goes back to step-00000003" in said[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged-step-00000006", "step-00000003"]
    assert checkpoint.newest(tmp_path, say=said.append) == older
    assert len(said) == 1


def test_every_bit_of_a_checkpoint_is_watched(tmp_path):
    _, newer = two_checkpoints(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("module.safetensors", "training.pt"):
        whole = (newer / name).read_bytes()
        for where in rng.uniform(0, 1, 40):
            flip(newer / name, where)
            assert name in checkpoint.damage(newer)
            with pytest.raises(InputError, match=rf"{name} cut or damaged"):
                checkpoint.load(newer, torch.nn.Linear(30, 20))
            (newer / name).write_bytes(whole)
    assert checkpoint.damage(newer) == ""


def test_where_no_checkpoint_is_whole_nothing_is_begun_anew(tmp_path):
    for path in two_checkpoints(tmp_path):
        cut(path / "training.pt")
    for _ in range(2):
        with pytest.raises(InputError, match=r"no checkpoint is whole .*step-00000006: training\.pt.*begin anew"):
            checkpoint.newest(tmp_path)


def test_a_checkpoint_of_an_older_version_is_taken_and_said(tmp_path):
    older, newer = two_checkpoints(tmp_path)
    for path in (older, newer):
        (path / "checksums.json").unlink()
    said = []
    assert checkpoint.newest(tmp_path, say=said.append) == newer
    assert "without checksums" in said[0]
    cut(newer / "training.pt")
    assert checkpoint.newest(tmp_path, say=said.append) == older
    assert "cannot be read" in said[1]
    assert checkpoint.load(older, torch.nn.Linear(30, 20))["step"] == 3


def test_a_run_with_a_flipped_bit_goes_on_bit_for_bit(tiny_config, tmp_path, capsys):
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    whole = losses(run)
    flip(run / "checkpoints" / "step-00000008" / "training.pt")
    pretrain(tiny_config, run, progress=False)
    assert losses(run) == whole
    said = capsys.readouterr().out
    assert "step-00000008: training.pt cut or damaged" in said
    assert "going on from" in said.split("damaged")[-1]


@pytest.fixture
def data(tiny_config, tiny_videos, tmp_path):
    """A copy of the videos that may be changed, and a configuration of it."""
    root = tmp_path / "data"
    shutil.copytree(tiny_videos, root)
    tiny_config["data"] = {"root": str(root), "split": "all"}
    tiny_config["train"] |= {"steps": 3, "checkpoint_every": 2}
    return root


def another_video(path):
    write_video(path, np.random.default_rng(9).integers(0, 255, (20, 32, 32, 3), dtype=np.uint8), fps=10)


def table(root, old, new):
    path = root / "videos.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def replace(root):
    another_video(root / "videos" / "v2.mp4")


def rename(root):
    (root / "videos" / "v2.mp4").rename(root / "videos" / "w2.mp4")
    table(root, "v2.mp4", "w2.mp4")


def one_for_another(root):
    (root / "videos" / "v2.mp4").unlink()
    another_video(root / "videos" / "w2.mp4")
    table(root, "v2.mp4", "w2.mp4")


def exchange(root):
    a, b, c = (root / "videos" / name for name in ("v1.mp4", "v2.mp4", "c"))
    a.rename(c)
    b.rename(a)
    c.rename(b)


def swap_bytes(root):
    """The same size and the same ends, another picture in the midst (and the time of change put back)."""
    path = root / "videos" / "v2.mp4"
    state = path.stat()
    flip(path, 0.5)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def relabel(root):
    table(root, "2.0,action1\nvideos/v4", "2.0,other\nvideos/v4")


CHANGES = {
    "replaced": (replace, r"1 replaced by another content: videos/v2\.mp4"),
    "flipped": (swap_bytes, r"1 replaced by another content: videos/v2\.mp4"),
    "exchanged": (exchange, r"2 replaced by another content: videos/v1\.mp4, videos/v2\.mp4"),
    "renamed": (rename, r"1 renamed: videos/v2\.mp4 -> videos/w2\.mp4"),
    "one for another": (one_for_another, r"1 gone: videos/v2\.mp4; 1 added: videos/w2\.mp4"),
    "relabelled": (relabel, r"1 stated otherwise: videos/v3\.mp4 \(label action1 -> other\)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_changed_data_stops_a_run_that_goes_on(tiny_config, data, tmp_path, kind, capsys):
    change, words = CHANGES[kind]
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    state = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and "cache" not in path.parts}
    change(data)
    with pytest.raises(InputError, match=f"not what the run was begun with: {words}; put it back"):
        pretrain(tiny_config, run, progress=False)
    assert state == {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and "cache" not in path.parts}
    tiny_config["data"]["changed"] = "accept"
    pretrain(tiny_config, run, progress=False)
    said = capsys.readouterr().out
    assert "goes on with other data" in said
    assert "not bit for bit as before: data" in said
    del tiny_config["data"]["changed"]
    pretrain(tiny_config, run, progress=False)  # what was accepted is what counts from now on


def test_a_folder_that_moved_or_was_copied_is_the_same_data(tiny_config, data, tmp_path, capsys):
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    whole = losses(run)
    shutil.rmtree(run / "checkpoints" / "step-00000003")
    moved = tmp_path / "elsewhere"
    shutil.copytree(data, moved, copy_function=shutil.copy)  # with other times of change
    shutil.rmtree(data)
    tiny_config["data"]["root"] = str(moved)
    pretrain(tiny_config, run, progress=False)
    assert losses(run) == whole
    assert "not bit for bit" not in capsys.readouterr().out


def test_a_run_that_has_learnt_nothing_may_be_begun_on_other_data(tiny_config, data, tmp_path):
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    shutil.rmtree(run / "checkpoints")
    replace(data)
    assert pretrain(tiny_config, run, progress=False) == run


def test_a_run_of_an_older_version_goes_on_and_says_so(tiny_config, data, tmp_path, capsys):
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    (run / "data.json").unlink()
    pretrain(tiny_config, run, progress=False)
    assert "does not state what it was begun with" in capsys.readouterr().out
    assert (run / "data.json").exists()


def test_labels_that_are_learnt_from_are_part_of_the_data(tiny_config, data, tmp_path):
    tiny_config["objective"] = {"name": "classify", "level": "frame", "num_classes": 2}
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    path = data / "segments.csv"
    path.write_text(path.read_text().replace("0.0,1.0,first", "0.0,1.0,second", 1))
    with pytest.raises(InputError, match=r"1 replaced by another content: segments\.csv"):
        pretrain(tiny_config, run, progress=False)


def test_changes_of_every_kind_at_once():
    def row(name, content, **fields):
        return {"id": name, "content": content, **fields}

    before = [row(n, c, offset_s=0.0) for n, c in zip("abcdefgh", "12345678")]
    now = [row(n, c, offset_s=0.0) for n, c in (("a", "9"), ("B", "2"), ("d", "4"), ("x", "0"), *zip("efgh", "5678"))]
    now[2]["offset_s"] = 0.5
    assert trained_on.changes(before, now) == [
        "1 gone: c", "1 added: x", "1 renamed: b -> B", "1 replaced by another content: a",
        "1 stated otherwise: d (offset_s 0.0 -> 0.5)",
    ]  # fmt: skip
    assert trained_on.changes(before, before[::-1]) == ["the order of the videos"]
    assert trained_on.changes(before, list(before)) == []
    assert trained_on.changes(before, []) == ["8 gone: a, b, c, ..."]


def test_a_folder_of_pictures_is_told_by_its_pictures(tmp_path):
    folder = tmp_path / "take"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(bytes([number]) * 20_000)

    def found():
        return trained_on.fingerprint_of([Video("take", str(folder))])[0]["content"]

    first = found()
    (folder / "1.jpg").touch()
    assert found() == first
    (folder / "1.jpg").write_bytes(bytes([9]) * 20_000)
    second = found()
    (folder / "1.jpg").rename(folder / "7.jpg")
    assert len({first, second, found()}) == 3


HOLD = "import sys; from pathlib import Path; from mvssl.training.run_lock import run_lock\n"
HOLD += "with run_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in the folder ``run``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_two_at_once_do_not_train_in_one_folder(tiny_config, tmp_path, holder):
    with pytest.raises(InputError, match=rf"run: process {holder.pid} on \S+ trains there, since .*another folder"):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    holder.send_signal(signal.SIGKILL)  # the lock ends with its process
    holder.wait()
    assert len(losses(pretrain(tiny_config, tmp_path / "run", progress=False))) == 8


def test_a_lock_can_be_taken_again_by_its_own_thread_alone(tmp_path):
    errors = []

    def other():
        try:
            with run_lock.run_lock(tmp_path):
                errors.append("none")
        except InputError as error:
            errors.append(str(error))

    with run_lock.run_lock(tmp_path), run_lock.run_lock(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert f"process {os.getpid()}" in errors[0]
    other()
    assert errors[1] == "none"


@pytest.mark.parametrize(
    ("about", "refused"),
    [
        ({}, False),
        ({"host": "here", "pid": 2**22 + 1, "started": 0.0}, False),  # no such process
        ({"host": "here", "pid": os.getpid(), "started": 1.0}, False),  # the number was given to another process
        ({"host": "elsewhere", "pid": 1, "since": 0.0}, True),  # nobody knows
    ],
)
def test_where_there_are_no_locks_the_file_tells(tmp_path, monkeypatch, about, refused):
    monkeypatch.setattr(run_lock, "_lock", lambda _: None)
    monkeypatch.setattr(run_lock.socket, "gethostname", lambda: "here")
    (tmp_path / ".lock").write_text(json.dumps(about) if about else "")
    if refused:
        with pytest.raises(
            InputError, match=r"process 1 on elsewhere trains there.*if that one is gone, delete .*\.lock"
        ):
            run_lock.run_lock(tmp_path).__enter__()
        return
    with run_lock.run_lock(tmp_path):
        held = json.loads((tmp_path / ".lock").read_text())
        assert (held["pid"], held["host"]) == (os.getpid(), "here")
        assert held["since"] <= time.time()
        monkeypatch.setattr(run_lock, "_held", {})  # as another process sees it
        with pytest.raises(InputError, match=f"process {os.getpid()} on here"):
            run_lock.run_lock(tmp_path).__enter__()
        monkeypatch.undo()
