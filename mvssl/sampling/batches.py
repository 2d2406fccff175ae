"""Which samples make the global batch of a step, and the seed of each: a pure function of (seed, step)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from mvssl.errors import InputError
from mvssl.types import Video

Grouping = Literal["none", "label", "folder", "session"]


class Ticket(NamedTuple):
    """One sample of a batch: its row in the list of sessions and the seed of all its draws."""

    sample: int
    seed: tuple[int, int, int]  # plan seed, step, place in the global batch


class BatchPlan:
    """The samples of every global batch. It has no position: any process may ask for any step.

    Without grouping an epoch is a permutation of all samples cut into batches. With grouping, the members of each group
    (label, folder or session) are shuffled and cut into sets of ``num_per_group``, the sets are shuffled and cut into
    batches; members of a set are neighbours in the batch. What does not fill a set or a batch is left out of that
    epoch; another shuffle leaves out others in the next.

    Args:
        sessions: the samples, each a tuple of the videos of one session.
        batch_size: samples of the global batch, over all processes.
        seed: of the order and of every sample's draws.
        group_by: none, label, folder (of the video's id) or session.
        num_per_group: how many samples of one group stand together.
        small_groups: "error" refuses groups with fewer members than that; "drop" leaves them out and counts them in
            ``num_dropped``.
    """

    def __init__(
        self,
        sessions: Sequence[tuple[Video, ...]],
        *,
        batch_size: int,
        seed: int = 0,
        group_by: Grouping = "none",
        num_per_group: int = 2,
        small_groups: Literal["error", "drop"] = "error",
    ):
        if batch_size < 1:
            raise InputError(f"batch plan: batch_size must be at least 1, not {batch_size}")
        self.batch_size, self.seed = batch_size, seed
        self.num_per_group = 1 if group_by == "none" else num_per_group
        if self.num_per_group < 1 or batch_size % self.num_per_group:
            raise InputError(f"batch plan: batch_size {batch_size} is no multiple of num_per_group {num_per_group}")
        groups = [np.arange(len(sessions))] if group_by == "none" else _groups(sessions, group_by)
        small = [group for group in groups if len(group) < self.num_per_group]
        if small and small_groups == "error":
            names = sorted(sessions[group[0]][0].id for group in small)
            raise InputError(
                f"batch plan: grouping by {group_by} needs {self.num_per_group} samples per group, and {len(small)} "
                f"groups have fewer (first of them: {', '.join(names[:3])}); add samples, or set small_groups=drop"
            )
        self._shuffled: tuple[int, np.ndarray] | None = None  # the order of the epoch asked for last
        self.num_dropped = sum(len(group) for group in small)
        self._groups = [group for group in groups if len(group) >= self.num_per_group]
        num_sets = sum(len(group) // self.num_per_group for group in self._groups)
        self.steps_per_epoch = num_sets * self.num_per_group // batch_size
        if self.steps_per_epoch == 0:
            raise InputError(
                f"batch plan: {len(sessions)} samples give {num_sets * self.num_per_group} for a batch "
                f"(group_by {group_by}), fewer than batch_size {batch_size}; lower batch_size"
            )

    def batch(self, step: int) -> list[Ticket]:
        """The ``batch_size`` tickets of the global batch of a step (counted from 0 through all epochs)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if self._shuffled is None or self._shuffled[0] != epoch:
            self._shuffled = (epoch, self._order(epoch))
        order = self._shuffled[1][within * self.batch_size : (within + 1) * self.batch_size]
        return [Ticket(int(index), (self.seed, step, place)) for place, index in enumerate(order)]

    def rank_batch(self, step: int, *, rank: int, world_size: int) -> list[Ticket]:
        """This process's share of the global batch: an equal, contiguous slice that cuts no set of a group."""
        self.check_world_size(world_size)
        size = self.batch_size // world_size
        return self.batch(step)[rank * size : (rank + 1) * size]

    def steps(self, *, rank: int = 0, world_size: int = 1, start: int = 0, end: int | None = None) -> Steps:
        """This process's shares of the batches ``start``, ... up to ``end`` (excluded; None = for ever)."""
        self.check_world_size(world_size)
        return Steps(self, rank, world_size, start, end)

    def check_world_size(self, world_size: int) -> None:
        """Raises InputError where the batch cannot be cut into ``world_size`` equal parts without cutting a set."""
        if self.batch_size % (world_size * self.num_per_group):
            raise InputError(
                f"batch plan: batch_size {self.batch_size} cannot be cut over {world_size} processes in sets of "
                f"{self.num_per_group}; choose a multiple of {world_size * self.num_per_group}"
            )

    def _order(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng((self.seed, epoch))
        sets = []
        for group in self._groups:
            shuffled = generator.permutation(group)
            sets.append(
                shuffled[: len(group) // self.num_per_group * self.num_per_group].reshape(-1, self.num_per_group)
            )
        return generator.permutation(np.concatenate(sets)).reshape(-1)


@dataclass(frozen=True)
class Steps:
    """Iterable over a process's tickets, one list per step; can be started again and sent to other processes."""

    plan: BatchPlan
    rank: int
    world_size: int
    start: int
    end: int | None

    def __iter__(self) -> Iterator[list[Ticket]]:
        for step in count(self.start) if self.end is None else range(self.start, self.end):
            yield self.plan.rank_batch(step, rank=self.rank, world_size=self.world_size)


def _groups(sessions: Sequence[tuple[Video, ...]], group_by: Grouping) -> list[np.ndarray]:
    members: dict[str, list[int]] = defaultdict(list)
    for index, session in enumerate(sessions):
        first = session[0]
        if group_by == "folder":
            key = str(PurePosixPath(first.id).parent)
        else:
            key = first.label if group_by == "label" else first.session
            if not key:
                raise InputError(f"batch plan: grouping by {group_by}, but video {first.id!r} states no {group_by}")
        members[key].append(index)
    return [np.array(members[key]) for key in sorted(members)]
