"""Batches of the steps of a run, made by this process or by its workers."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from torch.utils.data import DataLoader

from mvssl.loading.collate import collate
from mvssl.loading.dataset import ClipDataset
from mvssl.sampling import BatchPlan
from mvssl.types import Batch


class Loader:
    """Iterates over (step, Batch): this process's part of each global batch, from ``start_step`` on, up to ``end_step``
    or without end. It is its own order and its own resume: do not give it to accelerate's ``prepare``. Videos that
    cannot be read go to ``dataset.bad_files`` in this process, which raises or counts them.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        plan: BatchPlan,
        *,
        rank: int = 0,
        world_size: int = 1,
        num_workers: int = 0,
        start_step: int = 0,
        end_step: int | None = None,
        pin_memory: bool = False,
    ):
        self.dataset, self.start_step, self.num_workers = dataset, start_step, num_workers
        _prepare_process(0)  # OpenCV's threads would be dead in a forked worker, which then waits for them for ever
        self._loader: DataLoader = DataLoader(
            dataset,
            batch_sampler=plan.steps(rank=rank, world_size=world_size, start=start_step, end=end_step),
            num_workers=num_workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            worker_init_fn=_prepare_process,
        )

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        try:
            for step, (batch, problems) in enumerate(self._loader, self.start_step):
                if self.num_workers:
                    for problem in problems:
                        self.dataset.bad_files.set_aside(problem)
                yield step, batch
        except (ConnectionError, EOFError) as error:  # it died while it handed over a batch
            raise RuntimeError("a DataLoader worker exited unexpectedly (killed, or out of memory)") from error


def _prepare_process(_: int) -> None:
    """One thread for OpenCV, and memory that is kept."""
    cv2.setNumThreads(1)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Makes glibc keep freed blocks of up to 31 MiB for reuse instead of giving them back to the system.

    Its threshold follows the largest block freed so far; from the start it is so low that every array of a few hundred
    KiB is mapped, cleared by the kernel page by page, and unmapped again. Elsewhere this does nothing.
    """
    block = np.empty(31 << 20, dtype=np.uint8)
    del block
