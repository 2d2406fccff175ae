"""What goes wrong around a run ends in one clear error and leaves a checkpoint that the run can go on from."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from mvssl.errors import InputError, VideoError
from mvssl.training import checkpoint as checkpoints
from mvssl.training import pretrain
from mvssl.training.log import append, cut_back
from mvssl.video import open_video


@pytest.fixture(scope="module")
def soak():
    path = Path(__file__).parents[2] / "tools" / "soak.py"
    spec = importlib.util.spec_from_file_location("soak", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.soak


def test_six_kills_change_nothing(soak, tmp_path):
    found = soak(tmp_path, kills=6, steps=150)
    assert found["kills"] == 6
    assert found["equal"], found


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, where this may be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_ends_with_the_last_checkpoint_usable(small_disk):
    folder = small_disk / "checkpoints"
    last = checkpoints.save(
        folder, 1, weights=torch.nn.Linear(200, 500).state_dict(), training={"step": 1}, keep=5
    )  # 0.4 MB
    with pytest.raises(InputError, match=r"step-00000002: cannot be written .*make room.*go on from .*step-00000001"):
        checkpoints.save(folder, 2, weights=torch.nn.Linear(400, 500).state_dict(), training={}, keep=5)
    assert checkpoints.newest(folder) == last
    assert checkpoints.load(last, torch.nn.Linear(200, 500)) == {"step": 1}
    assert not list(folder.glob(".*"))


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(tiny_config, tmp_path, monkeypatch):
    whole = pretrain(tiny_config, tmp_path / "whole", progress=False)
    real = torch.save

    def full(*about, **more):
        if list((tmp_path / "run" / "checkpoints").glob("step-*")):
            raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")  # torch, disk full
        real(*about, **more)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"step-00000006: cannot be written.*go on from .*step-00000003"):
        pretrain(tiny_config, tmp_path / "run", progress=False)
    monkeypatch.setattr(torch, "save", real)
    run = pretrain(tiny_config, tmp_path / "run", progress=False)
    assert losses(run) == losses(whole)


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_folder_that_cannot_be_written_is_refused_before_training(tiny_config, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match=r"run: cannot be written .*[Rr]ead-only.*choose another folder"):
        pretrain(tiny_config, small_disk / "run", progress=False)


@pytest.mark.parametrize("policy", ["error", "skip"])
def test_a_video_that_goes_away(tiny_config, tiny_videos, tmp_path, monkeypatch, policy):
    root = tmp_path / "data"
    shutil.copytree(tiny_videos, root)
    tiny_config["data"] = {"root": str(root), "policy": policy}
    tiny_config["cache"]["passes"] = 0
    tiny_config["train"] |= {"steps": 6, "checkpoint_every": 2}
    real = checkpoints.save

    def then_remove(*about, **more):
        for number in (0, 1):
            (root / "videos" / f"v{number}.mp4").unlink(missing_ok=True)
        return real(*about, **more)

    monkeypatch.setattr(checkpoints, "save", then_remove)
    monkeypatch.setattr("mvssl.loading.kept_open.KeptOpen.get", lambda self, video: open_video(video))  # none kept open
    if policy == "error":
        with pytest.raises(VideoError, match=r"v[01]\.mp4"):
            pretrain(tiny_config, tmp_path / "run", progress=False)
        newest = checkpoints.newest(tmp_path / "run" / "checkpoints")
        assert newest is not None
        assert (newest / "module.safetensors").stat().st_size > 0
    else:
        run = pretrain(tiny_config, tmp_path / "run", progress=False)
        last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        assert last["unreadable"] == json.loads((run / "summary.json").read_text())["unreadable"] == "missing: 2"


def test_a_log_that_cannot_be_written_names_the_checkpoint(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    last = checkpoints.save(
        tmp_path / "checkpoints", 4, weights=torch.nn.Linear(2, 2).state_dict(), training={}, keep=1
    )
    with pytest.raises(InputError, match=rf"metrics\.jsonl: cannot be written.*{last.name}"):
        append(tmp_path / "metrics.jsonl", {})


def test_half_a_line_is_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0}\n{"step": 1}\n{"step": 2}\n{"st')
    assert cut_back(path, 2) == ['{"step": 0}', '{"step": 1}']
    assert path.read_text() == '{"step": 0}\n{"step": 1}\n'


def test_an_interrupted_replacement_is_put_back(tmp_path):
    """A kill between the two renames of a folder that replaces another."""
    (tmp_path / ".best.old").mkdir()
    (tmp_path / ".best.old" / "model.safetensors").write_bytes(b"whole")
    checkpoints.newest(tmp_path)
    assert (tmp_path / "best" / "model.safetensors").read_bytes() == b"whole"
    assert not (tmp_path / ".best.old").exists()
