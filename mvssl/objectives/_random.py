"""Random numbers of a step that do not depend on how many processes share the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributed import gather, rank, world_size
from ..types import Context


def uniform(context: Context, *shape: int) -> Tensor:
    """Uniform draws in [0, 1) for every sample of this process: (B, *shape) float64.

    The first rank's generator gives a seed, every rank draws for the whole batch and keeps its own rows: the same
    batch gets the same draws in one process or in many. Without a generator the step is the seed.
    """
    source = context.generator or torch.Generator().manual_seed(context.step)
    seed = torch.randint(2**62, (1,), generator=source, device=source.device).to(context.index.device)
    own = torch.Generator().manual_seed(int(gather(seed)[0]))
    size = len(context.index)
    drawn = torch.rand(world_size() * size, *shape, generator=own, dtype=torch.float64)
    return drawn[rank() * size : (rank() + 1) * size].to(context.index.device)
