"""What the network will see: a batch of a pretraining configuration as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl import config, files
from mvssl.loading import Loader
from mvssl.sampling import sessions
from mvssl.training import Experiment
from mvssl.training.batches import make_dataset
from mvssl.training.experiment import build_plan, select
from mvssl.video import scan
from mvssl.views import preview as draw


def preview(configuration: str | Path, overrides: Sequence[str], output: str | Path) -> Path:
    """Draws the first batch: views, modalities, times, masks, and what was drawn for each view.

    Args:
        configuration, overrides: as for ``pretrain``.
        output: ends in .png or .html.
    """
    path = config.find(configuration, "pretrain")
    experiment = Experiment.from_values(config.load(path, overrides), str(path))
    videos = select(scan(experiment.data.root).videos, experiment.data.split, experiment.data.root)
    samples = sessions(videos, by=experiment.data.sample)
    dataset = make_dataset(experiment, samples, videos)
    _, batch = next(iter(Loader(dataset, build_plan(experiment, samples), end_step=1)))
    files.make_folder(Path(output).parent)
    draw(
        batch,
        output,
        modalities=dataset.modalities,
        transform=dataset.transform,
        videos=[video.id for video in dataset.videos],
    )
    return Path(output)
