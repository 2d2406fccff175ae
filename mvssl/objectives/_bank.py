"""Memory bank: one slowly moving row for every sample of the data set and every view."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributed import gather
from ..errors import ConfigError

MOST_ROWS = 1_000_000


class Bank(nn.Module):
    """Unit rows that follow the embeddings of their sample (Wu et al. 2018). Equal on all ranks.

    Args:
        num_samples: rows. More than a million are refused.
        dim: D.
        momentum: share of the old row in an update.
    """

    rows: Tensor

    def __init__(self, num_samples: int, dim: int, *, momentum: float, seed: int):
        super().__init__()
        if num_samples > MOST_ROWS:
            raise ConfigError(
                f"memory bank: {num_samples} samples, more than {MOST_ROWS}; set negatives: queue, whose size is free"
            )
        self.momentum = momentum
        bound = (3.0 / dim) ** 0.5
        noise = torch.rand(num_samples, dim, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("rows", (2.0 * noise - 1.0) * bound)

    @torch.no_grad()
    def update(self, index: Tensor, rows: Tensor, valid: Tensor) -> None:
        """Row <- unit(momentum row + (1 - momentum) new) for the valid rows of all ranks; to be called after the step.

        A sample that comes several times in one batch is updated once, by its last row.
        """
        index, rows, valid = gather(index), gather(rows.to(self.rows.dtype)), gather(valid)
        index, rows = index[valid], rows[valid]
        later = (index[:, None] == index).triu(1).any(1)
        index, rows = index[~later], rows[~later]
        self.rows[index] = F.normalize(self.momentum * self.rows[index] + (1.0 - self.momentum) * rows, dim=1)
