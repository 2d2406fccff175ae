"""What a forward pass changes beside its result (running statistics and the like), kept and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mvssl.objectives import AFTER_STEP


class Buffers:
    """The buffers of a module as they are now.

    Queues and banks are left out: they change in ``after_step`` alone, and may be large.
    """

    def __init__(self, module: nn.Module):
        self.kept: list[tuple[Tensor, Tensor]] = [
            (buffer, buffer.clone())
            for part in module.modules()
            if not isinstance(part, AFTER_STEP)
            for buffer in part.buffers(recurse=False)
        ]

    @torch.no_grad()
    def put_back(self) -> None:
        """The values they had, bit for bit."""
        for buffer, value in self.kept:
            buffer.copy_(value)


@contextmanager
def kept_buffers(module: nn.Module) -> Iterator[None]:
    """What happens inside leaves no trace in the buffers."""
    before = Buffers(module)
    yield
    before.put_back()
