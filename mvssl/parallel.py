"""Several videos at once on a CPU: one thread each, every operation single-threaded, so threads never wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from tqdm import tqdm

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    work: Callable[[Item], Found], items: Sequence[Item], *, device: torch.device | str, name: str, progress: bool
) -> Iterator[tuple[Item, Found | Exception]]:
    """Calls ``work`` for every item and yields (item, result or the exception it raised) in the order of the items.

    On a CPU as many items are under way as torch has threads; on other devices one. Decoding and torch release the
    interpreter's lock, so this is about as fast as one process per core, without copies of the model.
    """
    num_threads = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    bar = tqdm(total=len(items), desc=name, unit="video", disable=None if progress else True)
    if num_threads == 1 or len(items) < 2:
        for item in items:
            yield item, _tried(work, item)
            bar.update()
        bar.close()
        return
    pool = ThreadPoolExecutor(num_threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = []
        for item in items:
            waiting.append((item, pool.submit(_tried, work, item)))
            if len(waiting) > 2 * num_threads:  # results are used while later items are under way
                first, future = waiting.pop(0)
                yield first, future.result()
                bar.update()
        for item, future in waiting:
            yield item, future.result()
            bar.update()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(num_threads)
        bar.close()


def _tried(work: Callable[[Item], Found], item: Item) -> Found | Exception:
    try:
        return work(item)
    except Exception as error:  # handed to the caller, who raises it or sets the item aside
        return error
