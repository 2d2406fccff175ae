"""The frame backbone: any timm model, pooled over space to one vector per picture, frozen in part or whole."""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from mvssl.config import nearest
from mvssl.encoders.weights import load_weights
from mvssl.errors import InputError

Pooling = Literal["mean", "max"]


class Trunk(nn.Module):
    """Pictures (N, C, H, W) float in [0, 1] -> vectors (N, D).

    Args:
        backbone: timm name.
        weights: ``none``, ``hub``, ``package`` or a file (see ``weights.py``).
        freeze: ``all``, ``none``, or name prefixes of the parts to freeze (``conv_stem``, ``layer1``, ``blocks.0``, ...).
            Frozen parts keep their normalisation statistics and stay in evaluation mode.
        pooling: over the last feature map (or the patch tokens of a ViT).
        in_channels: of the pictures; other than 3, timm adapts the first convolution's shape.
    """

    def __init__(
        self, backbone: str, *, weights: str, freeze: str | tuple[str, ...], pooling: Pooling, in_channels: int = 3
    ):
        super().__init__()
        if not timm.is_model(backbone.split(".")[0]):
            raise InputError(f"encoder.backbone: timm has no {backbone!r}{nearest(backbone, timm.list_models())}")
        try:
            model: Any = timm.create_model(
                backbone, pretrained=weights == "hub", num_classes=0, global_pool="", in_chans=in_channels
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"encoder.backbone: {backbone} with weights={weights} cannot be made here: {error}"
            ) from None
        load_weights(model, backbone, weights)
        self.model = model
        self.dim = int(model.num_features)
        self.pooling = pooling
        config = model.default_cfg
        channels = in_channels if in_channels != 3 else None
        for name in ("mean", "std"):
            values = torch.tensor(config[name]) if channels is None else torch.full((channels,), 0.5)
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)
        self.model.to(memory_format=torch.channels_last)
        self._freeze(freeze)

    mean: Tensor
    std: Tensor

    def _freeze(self, freeze: str | tuple[str, ...]) -> None:
        prefixes = {"all": ("",), "none": ()}.get(freeze, freeze) if isinstance(freeze, str) else freeze
        prefixes = (prefixes,) if isinstance(prefixes, str) else tuple(prefixes)
        names = [name for name, _ in self.model.named_parameters()]
        for prefix in prefixes:
            if not any(name.startswith(prefix) for name in names):
                parts = sorted({".".join(name.split(".")[: 2 if name[0:6] == "blocks" else 1]) for name in names})
                raise InputError(f"encoder.freeze: no part {prefix!r}; known: all, none, {', '.join(parts)}")
        for name, parameter in self.model.named_parameters():
            if name.startswith(prefixes):
                parameter.requires_grad_(False)
        self.frozen_parts = [
            module for name, module in self.model.named_modules()
            if prefixes and (name + ".").startswith(tuple(p + "." if p else "" for p in prefixes))
        ]  # fmt: skip

    @property
    def frozen(self) -> bool:
        """Whether nothing of the trunk is trained."""
        return not any(parameter.requires_grad for parameter in self.model.parameters())

    def train(self, mode: bool = True) -> Trunk:
        super().train(mode)
        for module in self.frozen_parts:
            module.eval()
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.model.forward_features((pictures - self.mean) / self.std)
        if maps.dim() == 3:  # a ViT's tokens (N, L, D): leave class and register tokens out
            maps = maps[:, getattr(self.model, "num_prefix_tokens", 0) :]
            return maps.amax(1) if self.pooling == "max" else maps.mean(1)
        if maps.shape[1] != self.dim:  # (N, H, W, D) models
            maps = maps.permute(0, 3, 1, 2)
        return maps.amax((2, 3)) if self.pooling == "max" else maps.mean((2, 3))
