"""Where the batches of a run come from: pictures that are decoded at every step, or features that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from accelerate import PartialState

from mvssl import config
from mvssl.dataset import ClipDataset, make_loader
from mvssl.training.experiment import Experiment, build_plan
from mvssl.training.feature_cache import CachedBatches, FeatureCache
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, Video
from mvssl.video.bad_files import BadFiles

# (start_step, rank, world_size) -> (step, this rank's batch)
Batches = Callable[[int, int, int], Iterator[tuple[int, Batch]]]


def make_batches(
    experiment: Experiment, module: TrainedModule, samples: list[tuple[Video, ...]], videos: list[Video], run: Path,
    process: PartialState, *, progress: bool,
) -> tuple[Batches, BadFiles]:  # fmt: skip
    """Pictures decoded at every step, or, with ``cache.passes``, backbone features computed once; and the files that could
    not be read so far."""
    sampler = config.build("mvssl.sampling", experiment.sampler, "sampler")
    transform = config.build("mvssl.views", experiment.views, "views")
    plan = build_plan(experiment, samples)
    names = sorted({video.label for video in videos} - {""})
    if experiment.cache.passes == 0:
        plans = experiment.plans()
        dataset = ClipDataset(
            samples, sampler=sampler, transform=transform, policy=experiment.data.policy,
            modalities={view: plan.modality for view, plan in plans.items()},
            of={view: plan.of for view, plan in plans.items()},
        )  # fmt: skip

        def from_pictures(start_step: int, rank: int, world_size: int):
            workers = experiment.train.num_workers
            return iter(
                make_loader(dataset, plan, rank=rank, world_size=world_size, num_workers=workers, start_step=start_step)
            )

        return from_pictures, dataset.bad_files
    folder = Path(experiment.cache.folder) if experiment.cache.folder else run / "cache"
    caches = {}
    for view, shown in experiment.plans().items():
        caches[view] = FeatureCache(
            folder, module.encoder_of(view), transform, passes=experiment.cache.passes, seed=experiment.train.seed,
            recipe=experiment.embed.showing(shown.spec), modality=shown.modality, about=experiment.views,
            device=process.device,
        )  # fmt: skip
        with process.main_process_first():
            caches[view].fill(videos, progress=progress)
    of = {view: shown.of for view, shown in experiment.plans().items()}
    labels = [names.index(sample[0].label) if sample[0].label else -1 for sample in samples]
    return CachedBatches(caches, videos, samples, sampler, plan, labels, of=of), BadFiles(experiment.data.policy)
