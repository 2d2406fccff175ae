"""What the network will see: a batch of a pretraining configuration as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl import config, files
from mvssl.dataset import ClipDataset, make_loader
from mvssl.sampling import sessions
from mvssl.training import Experiment
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
    sampler = config.build("mvssl.sampling", experiment.sampler, "sampler")
    plans = experiment.plans()
    modalities = {view: plan.modality for view, plan in plans.items()}
    transform = config.build("mvssl.views", experiment.views, "views")
    dataset = ClipDataset(
        samples,
        sampler=sampler,
        transform=transform,
        modalities=modalities,
        of={view: plan.of for view, plan in plans.items()},
    )
    _, batch = next(iter(make_loader(dataset, build_plan(experiment, samples), end_step=1)))
    files.make_folder(Path(output).parent)
    draw(batch, output, modalities=modalities, transform=transform, videos=[video.id for video in dataset.videos])
    return Path(output)
