"""What every backbone has: parts frozen by name, which stay as they are, and batch norms that may learn."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mvssl.errors import InputError


class Backbone(nn.Module):
    """Holds ``model``, a network of another library.

    Args:
        model: the network.
        freeze: ``all``, ``none``, or name prefixes of the parts to freeze (``conv_stem``, ``layer1``, ``blocks.0``, ...).
            Frozen parts keep their normalisation statistics and stay in evaluation mode.

    Raises:
        InputError: no part of that name.
    """

    dim: int
    frozen_parts: list[nn.Module]

    def __init__(self, model: Any, freeze: str | tuple[str, ...]):
        super().__init__()
        self.model = model
        prefixes = {"all": ("",), "none": ()}.get(freeze, freeze) if isinstance(freeze, str) else freeze
        prefixes = (prefixes,) if isinstance(prefixes, str) else tuple(prefixes)
        names = [name for name, _ in model.named_parameters()]
        for prefix in prefixes:
            if prefix and not any(name.startswith(prefix) for name in names):
                parts = sorted({".".join(name.split(".")[: 2 if name[0:6] == "blocks" else 1]) for name in names})
                raise InputError(f"encoder.freeze: no part {prefix!r}; known: all, none, {', '.join(parts)}")
        for name, parameter in model.named_parameters():
            if name.startswith(prefixes):
                parameter.requires_grad_(False)
        self.frozen_parts = [
            module for name, module in model.named_modules()
            if prefixes and (name + ".").startswith(tuple(p + "." if p else "" for p in prefixes))
        ]  # fmt: skip

    @property
    def map_dims(self) -> tuple[int, ...]:
        """Dimensions of the maps whose vectors stand one after the other in the output; their sum is ``dim``."""
        return (self.dim,)

    @property
    def frozen(self) -> bool:
        """Whether nothing of the backbone is trained."""
        return not any(parameter.requires_grad for parameter in self.model.parameters())

    def live_norms(self) -> list[nn.Module]:
        """Batch norms that use the statistics of what they see in training; the others keep those of the weights."""
        still = {id(module) for part in self.frozen_parts for module in part.modules()}
        return [m for m in self.model.modules() if isinstance(m, _BatchNorm) and id(m) not in still]

    @property
    def learns_statistics(self) -> bool:
        """Whether batch norms now use the statistics of what they see: then they have to see the whole batch at once."""
        return any(norm.training for norm in self.live_norms())

    def train(self, mode: bool = True) -> Backbone:
        super().train(mode)
        for module in self.frozen_parts:
            module.eval()
        return self
