"""Cameras of one session have clocks of their own: sampler, module and objective see them on the session's."""

import json

import numpy as np
import pytest
import torch

from mvssl.training import Experiment, pretrain
from mvssl.training.experiment import build_module
from mvssl.types import Batch, Video, View
from mvssl.video import write_video


def sessions(root, shift_s):
    """Four sessions of two cameras; the clock of camera b is ahead by ``shift_s``, which the index takes back."""
    (root / "videos").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["video,session,camera,offset_s,split,num_frames,fps,start_s,end_s"]
    for session in range(4):
        for camera in "ab":
            own_s = shift_s if camera == "b" else 0.0
            name = f"videos/{session}{camera}.mp4"
            frames = rng.integers(0, 255, (20, 32, 32, 3), dtype=np.uint8)
            write_video(root / name, frames, times_s=np.arange(20) / 10 + own_s, crf=0)
            rows.append(f"{name},take{session},{camera},{-own_s},train,20,10,{own_s},{own_s + 2.0}")
    (root / "videos.csv").write_text("\n".join(rows) + "\n")
    return root


def losses(run):
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("objective", [{"name": "carl", "sigma_s": 0.2}, {"name": "tcn"}])
@pytest.mark.parametrize("passes", [0, 2])
def test_a_shifted_clock_that_the_index_states_changes_no_loss(tiny_config, tmp_path, passes, objective):
    tiny_config["sampler"] = {"name": "carl_cameras", "num_frames": 8}
    tiny_config["objective"] = objective
    tiny_config["encoder"]["dropout"] = 0.0
    tiny_config["batch"] = {"size": 4}
    tiny_config["cache"] = {"passes": passes}
    tiny_config["views"] = {"name": "evaluation", "size": 32}
    tiny_config["optimiser"]["lr"] = 1e-4
    tiny_config["train"]["steps"] = 3
    found = []
    for shift_s in (0.0, 1.5):
        root = sessions(tmp_path / f"shift{shift_s}", shift_s)
        tiny_config["data"] = {"root": str(root), "sample": "session"}
        found.append(losses(pretrain(tiny_config, tmp_path / f"run{shift_s}", progress=False)))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)


def test_the_module_gives_the_objective_the_offset_of_each_video(tiny_config):
    experiment = Experiment.from_values(tiny_config, "test")
    videos = [Video(f"{i}", f"{i}", 0.0, 2.0 + i, 10.0, 20, offset_s=float(10 * i)) for i in range(4)]
    module = build_module(experiment, [(video,) for video in videos], videos)
    rng = torch.Generator().manual_seed(0)
    dim = module.encoder_of("view1" if "view1" in module.modalities else next(iter(module.modalities))).dims.maps[
        "backbone"
    ]
    names = list(module.modalities)
    order = torch.tensor([2, 0, 3])

    def view():
        time_s = torch.arange(8).double().expand(3, 8) / 10
        full = torch.ones(3, 8, dtype=torch.bool)
        box, params = torch.zeros(3, 4), torch.zeros(3, 8)
        return View(torch.rand(3, 8, dim, generator=rng), time_s, full, full[:, 0], box, params)

    shown = torch.stack([order] + [order.flip(0)] * (len(names) - 1), dim=1)
    module(Batch({name: view() for name in names}, order, torch.full((3,), -1), shown))
    for i, name in enumerate(names):
        info = module.last_context.views[name]
        assert info.offset_s.tolist() == [10.0 * n for n in shown[:, i].tolist()]
        assert info.duration_s.tolist() == [2.0 + n for n in shown[:, i].tolist()]
