"""The batches of a run: what of its configuration they follow."""

import pytest
import torch
from accelerate import PartialState

from mvssl.training import Experiment
from mvssl.training.batches import make_batches
from mvssl.training.experiment import build_module, select
from mvssl.video import scan


@pytest.mark.parametrize("passes", [0, 2])
def test_batches_know_the_seed_and_the_labels_of_the_run(tiny_config, tmp_path, passes):
    tiny_config["cache"] = {"passes": passes}
    draws = []
    for seed in (0, 1):
        tiny_config["train"]["seed"] = seed
        experiment = Experiment.from_values(tiny_config, "test")
        videos = select(scan(experiment.data.root).videos, "train", "")
        samples = [(video,) for video in videos]
        module = build_module(experiment, samples, videos)
        batches, _ = make_batches(experiment, module, samples, videos, tmp_path, PartialState(cpu=True), progress=False)
        names = sorted({video.label for video in videos})
        assert len(names) == 2
        found = [batch for _, (_, batch) in zip(range(6), batches(0, 0, 1))]
        for batch in found:
            assert batch.label.tolist() == [names.index(videos[i].label) for i in batch.index]
            assert batch.video_id.tolist() == [[i, i] for i in batch.index]
        draws.append({(i, *row) for batch in found for view in batch.views.values() for i, row in _drawn(batch, view)})
    assert not draws[0] & draws[1], "another seed, other draws"
    if passes:
        assert len(draws[0]) <= passes * len(videos)


def _drawn(batch, view):
    """Sample and what was drawn for it, the tempo left aside."""
    return zip(batch.index.tolist(), torch.cat([view.box, view.params[:, :-1]], 1).tolist())
