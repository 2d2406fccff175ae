"""A long video is embedded in windows; an interrupted run repeats none of them and gives the same numbers."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from mvssl.embedding import Model, embed_folder
from mvssl.errors import InputError
from mvssl.frames import read_frames
from mvssl.video import read_videos, write_video

ENCODER = {
    "name": "frame",
    "backbone": "test_resnet",
    "mlp": [16],
    "dim": 32,
    "num_heads": 4,
    "hidden": 32,
    "num_layers": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    write_video(root / "long.mp4", rng.integers(0, 255, (400, 32, 48, 3), dtype=np.uint8), fps=8)
    return root


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model(encoder=ENCODER, recipe={"size": 32, "window_s": 6.0}).eval()


def embedded(model, folder, output):
    return embed_folder(model.encoder, read_videos(folder), output, recipe=model.recipe, progress=False)[0]


def test_an_interrupted_video_goes_on_without_repeating_windows(folder, model, tmp_path, monkeypatch):
    whole = embedded(model, folder, tmp_path / "whole")[0]
    seen = []
    features = model.encoder.backbone_features

    def counted(pictures):
        if len(seen) == 4:
            raise InputError("unplugged")
        seen.append(pictures.shape[1])
        return features(pictures)

    monkeypatch.setattr(model.encoder, "backbone_features", counted)
    with pytest.raises(InputError, match="unplugged"):
        embedded(model, folder, tmp_path / "parts")
    assert not list((tmp_path / "parts").glob("*.parquet"))
    finished = len(list((tmp_path / "parts").glob("*.parts/*.npz")))
    assert finished > 3
    seen.clear()
    monkeypatch.setattr(
        model.encoder, "backbone_features", lambda pictures: seen.append(pictures.shape[1]) or features(pictures)
    )
    again = embedded(model, folder, tmp_path / "parts")[0]
    assert sum(seen) < 400 - 64 * 2  # what the finished windows had seen alone is not decoded again
    np.testing.assert_array_equal(again.embedding, whole.embedding)
    np.testing.assert_array_equal(again.time_s, whole.time_s)
    assert [path.suffix for path in (tmp_path / "parts").iterdir()] == [".parquet"]  # the parts are gone


KILLED = """
import sys, time
from mvssl.embedding import embed_folder, load
from mvssl.embedding.finished_windows import Parts
from mvssl.video import read_videos
save = Parts.save
def slow(self, keep, columns):
    save(self, keep, columns)
    print(keep.stop, flush=True)
    time.sleep(0.2)
Parts.save = slow
model = load(sys.argv[1])
embed_folder(model.encoder, read_videos(sys.argv[2]), sys.argv[3], recipe=model.recipe, progress=False)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(folder, model, tmp_path):
    model.save_pretrained(tmp_path / "run" / "model")
    words = [sys.executable, "-c", KILLED, str(tmp_path / "run"), str(folder), str(tmp_path / "killed")]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as child:
        for number, _ in enumerate(child.stdout):
            if number == 3:
                time.sleep(0.1)
                os.kill(child.pid, signal.SIGKILL)
                break
    assert len(list((tmp_path / "killed").glob("*.parts/*.npz"))) == 4
    embedded(model, folder, tmp_path / "killed")
    embedded(model, folder, tmp_path / "whole")
    killed, whole = (read_frames(tmp_path / name)[0] for name in ("killed", "whole"))
    np.testing.assert_allclose(killed.embedding, whole.embedding, atol=1e-6)
