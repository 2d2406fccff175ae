"""Where the batches of a run come from: pictures that are decoded at every step, or features that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from accelerate import PartialState

from mvssl import config
from mvssl.loading import ClipDataset, FeatureCache, Loader
from mvssl.training.experiment import Experiment, build_plan
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
    bad_files = BadFiles(experiment.data.policy)
    caches = _filled(experiment, module, videos, run, process, bad_files, progress) if experiment.cache.passes else {}
    dataset = make_dataset(experiment, samples, videos, caches=caches, bad_files=bad_files)
    plan = build_plan(experiment, samples)

    def batches(start_step: int, rank: int, world_size: int) -> Iterator[tuple[int, Batch]]:
        workers = experiment.train.num_workers
        return iter(Loader(dataset, plan, rank=rank, world_size=world_size, num_workers=workers, start_step=start_step))

    return batches, bad_files


def make_dataset(
    experiment: Experiment,
    samples: Sequence[tuple[Video, ...]],
    videos: Sequence[Video],
    *,
    caches: dict[str, FeatureCache] | None = None,
    bad_files: BadFiles | None = None,
) -> ClipDataset:
    """The samples of an experiment, as pictures, or as the features of ``caches`` (of each view, filled)."""
    plans = experiment.plans()
    return ClipDataset(
        samples, sampler=config.build("mvssl.sampling", experiment.sampler, "sampler"), transform=_transform(experiment),
        modalities={view: plan.modality for view, plan in plans.items()},
        of={view: plan.of for view, plan in plans.items()}, videos=videos, caches=caches,
        policy=bad_files or experiment.data.policy,
    )  # fmt: skip


def _filled(
    experiment: Experiment, module: TrainedModule, videos: list[Video], run: Path, process: PartialState,
    bad_files: BadFiles, progress: bool,
) -> dict[str, FeatureCache]:  # fmt: skip
    """The cache of each view; what a video lacks is computed by one process, the others wait."""
    folder = Path(experiment.cache.folder) if experiment.cache.folder else run / "cache"
    transform, caches = _transform(experiment), {}
    for view, shown in experiment.plans().items():
        caches[view] = FeatureCache(
            folder, module.encoder_of(view), transform, passes=experiment.cache.passes, seed=experiment.train.seed,
            recipe=experiment.embed.showing(shown.spec), modality=shown.modality, about=experiment.views,
            device=process.device,
        )  # fmt: skip
        with process.main_process_first():
            caches[view].fill(videos, bad_files=bad_files, progress=progress)
    return caches


def _transform(experiment: Experiment):
    return config.build("mvssl.views", experiment.views, "views")
