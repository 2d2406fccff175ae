"""The last K keys of all ranks, each with its sample and session: negatives beyond the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..distributed import gather


class Queue(nn.Module):
    """First in, first out. Starts empty (not with noise), takes batches of any size, and is equal on all ranks.

    Args:
        size: K, rows that it holds at most.
        dim: D.
    """

    rows: Tensor
    index: Tensor
    session_id: Tensor
    num_pushed: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        self.size = size
        self.register_buffer("rows", torch.zeros(size, dim))
        self.register_buffer("index", torch.full((size,), -1))
        self.register_buffer("session_id", torch.full((size,), -1))
        self.register_buffer("num_pushed", torch.zeros((), dtype=torch.int64))

    def filled(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (k, D), samples (k,) and sessions (k,) that it holds, k <= K, in no order that matters."""
        k = min(self.size, int(self.num_pushed))
        return self.rows[:k], self.index[:k], self.session_id[:k]

    @torch.no_grad()
    def push(self, rows: Tensor, index: Tensor, session_id: Tensor, valid: Tensor) -> None:
        """Enters the valid rows of all ranks, in rank order; the oldest leave. To be called after the step.

        Args:
            rows: (B, D), this rank's. index, session_id: (B,). valid: (B,); False = the view is absent.
        """
        everywhere = gather(valid)
        columns = [gather(column)[everywhere][-self.size :] for column in (rows, index, session_id)]
        skipped = max(0, int(everywhere.sum()) - self.size)  # more rows than the queue holds: the last ones stay
        place = (torch.arange(len(columns[0]), device=rows.device) + self.num_pushed + skipped) % self.size
        for mine, new in zip((self.rows, self.index, self.session_id), columns):
            mine[place] = new.to(mine.dtype)
        self.num_pushed += int(everywhere.sum())
