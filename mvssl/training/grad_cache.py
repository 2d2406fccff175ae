"""Gradients of a large batch in the memory of a small one: the backbone sees a few samples at a time.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (GradCache), at the backbone's
output: that is where the memory is. Everything behind it (temporal part, heads, objective, all negatives) sees the whole
batch once, so batch norms, queues, banks and EMA copies there are as without chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mvssl.distributed import average_gradients
from mvssl.encoders import Encoder, usable
from mvssl.errors import ConfigError
from mvssl.training.buffers import kept_buffers
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, View


class GradCache:
    """One step in chunks: the terms and gradients are those of the whole batch.

    1. Backbone without graph, chunk by chunk, its random state kept. 2. The rest of the module on all features at once,
    backward down to the features. 3. Backbone again, chunk by chunk, same random state, with graph; backward with the
    features' gradients. Memory of the backbone: one chunk; price: its forward runs twice.

    Args:
        module: not wrapped; its gradients are averaged over processes here, once.
        chunk: samples that go through the backbone at once (all their views).
        autocast: as in accelerate's ``Accelerator.autocast``.

    Raises:
        ConfigError: the backbone's batch norm would see the chunk instead of the batch; the objective wants pixels.
    """

    def __init__(
        self, module: TrainedModule, *, chunk: int, autocast: Callable[[], AbstractContextManager] = nullcontext
    ):
        self.module, self.chunk, self.autocast = module, chunk, autocast
        if module.objective.needs.pixels:
            raise ConfigError(
                "train.chunk: this objective compares pixels, not features, so it cannot be chunked; set train.chunk=0"
            )

    def __call__(self, batch: Batch, *, backward: Callable[[Tensor], None], **about: Any) -> dict[str, Tensor]:
        """Adds the gradients of the loss to the parameters.

        Args:
            backward: of the loss (``accelerator.backward``).
            about: further arguments of the module.

        Returns:
            The objective's terms.
        """
        pictures = [name for name, view in batch.views.items() if view.pixels.dim() > 3]
        chunks = [slice(start, start + self.chunk) for start in range(0, len(batch.index), self.chunk)]
        device = batch.index.device
        states, parts, target_parts = [], [], []
        with torch.no_grad(), self.autocast():
            for rows in chunks:
                states.append(_random_state(device))
                parts.append(self._features(self.module.encoders, batch, pictures, rows))
            if self.module.targets is not None:
                target_parts = [self._features(self.module.targets, batch, pictures, rows) for rows in chunks]
        leaves = {name: value.requires_grad_() for name, value in _joined(parts).items()}
        with self.autocast():
            terms = self.module(
                _with(batch, leaves),
                target_batch=_with(batch, _joined(target_parts)) if target_parts else None,
                **about,
            )
        backward(terms["loss"])
        for rows, state in zip(chunks, states):
            with kept_buffers(self.module.encoders):  # running statistics move once a step
                with _replayed(state, device), self.autocast():
                    found = self._features(self.module.encoders, batch, pictures, rows)
                live = [name for name, value in found.items() if value.requires_grad]
                torch.autograd.backward([found[name] for name in live], [_grad(leaves[name])[rows] for name in live])
        average_gradients(self.module.parameters())
        return terms

    def _features(self, encoders: nn.ModuleDict, batch: Batch, names: list[str], rows: slice) -> dict[str, Tensor]:
        features = {}
        for name in names:
            view = self.module.to_input(name, View(*(value[rows] for value in batch.views[name])))
            encoder = self.module.encoder_of(name, encoders)
            assert isinstance(encoder, Encoder)
            features[name] = encoder.backbone_features(view.pixels, usable(view))
        return features


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _with(batch: Batch, features: dict[str, Tensor]) -> Batch:
    """The batch with backbone features (B, T, D) in the place of pictures."""
    views = {
        name: view._replace(pixels=features[name]) if name in features else view for name, view in batch.views.items()
    }
    return batch._replace(views=views)


def _grad(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _replayed(state: tuple[Tensor, Tensor | None], device: torch.device) -> Iterator[None]:
    """The random state of the first pass; afterwards that of now."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield
