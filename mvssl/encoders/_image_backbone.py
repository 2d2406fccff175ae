"""The frame backbone: any timm model, one or two of its maps pooled over space to one vector per picture, frozen in part or
whole."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mvssl.config import nearest
from mvssl.encoders._backbone import Backbone
from mvssl.encoders.weights import load_weights
from mvssl.errors import InputError

Pooling = Literal["mean", "max", "grid"]


class ImageBackbone(Backbone):
    """Pictures (N, C, H, W) float in [0, 1] -> vectors (N, D).

    Args:
        backbone: timm name.
        weights: ``none``, ``hub``, ``package`` or a file (see ``weights.py``).
        freeze: ``all``, ``none``, or name prefixes (see ``_backbone.py``).
        pooling: of the map (or of the patch tokens of a ViT): its "mean" or "max" over space, or "grid", the means of
            ``grid`` x ``grid`` cells one after the other (row, column, channel), which keeps where things are.
        stage: which of timm's intermediate maps, from 0, negative counts from the end; what lies behind it is left out.
            None: the model's own last features. Maps in the middle tell poses better than the last, which tells things.
        grid: cells per side.
        add_last: behind the vector of ``stage`` comes the mean over space of the model's own last features.
        in_channels: of the pictures; other than 3, timm adapts the first convolution's shape.
    """

    def __init__(
        self, backbone: str, *, weights: str, freeze: str | tuple[str, ...], pooling: Pooling, in_channels: int = 3,
        stage: int | None = None, grid: int = 4, add_last: bool = False,
    ):  # fmt: skip
        import timm  # takes longer than torch, and only a model that is made needs it

        if add_last and stage is None:
            raise InputError(
                "encoder.add_last: the last features are the only ones here; set encoder.stage, or add_last to false"
            )
        if not timm.is_model(backbone.split(".")[0]):
            raise InputError(f"encoder.backbone: timm has no {backbone!r}{nearest(backbone, timm.list_models())}")
        try:
            model: Any = _create(
                backbone, pretrained=weights == "hub", num_classes=0, global_pool="", in_chans=in_channels
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"encoder.backbone: {backbone} with weights={weights} cannot be made here: {error}"
            ) from None
        load_weights(model, backbone, weights)
        num_last = num_channels = int(model.num_features)
        if stage is not None:
            num_channels, stage = _cut(model, backbone, stage, keep_rest=add_last)
        super().__init__(model, freeze)
        self.name, self.stage, self.pooling, self.grid, self.add_last = backbone, stage, pooling, grid, add_last
        self.num_channels, self.num_last = num_channels, num_last
        self.dim = num_channels * (grid**2 if pooling == "grid" else 1) + (num_last if add_last else 0)
        config = model.default_cfg
        channels = in_channels if in_channels != 3 else None
        for name in ("mean", "std"):
            values = torch.tensor(config[name]) if channels is None else torch.full((channels,), 0.5)
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)
        self.model.to(memory_format=torch.channels_last)
        if not self.frozen:
            self._freeze_unused(channels or in_channels)

    mean: Tensor
    std: Tensor

    def _freeze_unused(self, channels: int) -> None:
        """What our forward never passes through (a ConvNeXt's last norm) is not trained: DDP waits for its gradient."""
        training = self.training
        self.eval()
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            out = self(torch.zeros(1, channels, *self.model.default_cfg["input_size"][1:])).sum()
            gradients = torch.autograd.grad(out, trained, allow_unused=True)
        for parameter, gradient in zip(trained, gradients, strict=True):
            if gradient is None:
                parameter.requires_grad_(False)
        self.train(training)

    @property
    def map_dims(self) -> tuple[int, ...]:
        return (self.dim - self.num_last, self.num_last) if self.add_last else (self.dim,)

    @property
    def signature(self) -> str:
        """What the vectors depend on beside the weights."""
        grid = self.grid if self.pooling == "grid" else ""
        return f"{self.stage}/{self.pooling}/{grid}{'+last' if self.add_last else ''}"

    def forward(self, pictures: Tensor) -> Tensor:
        self._check_size(*pictures.shape[2:])
        pictures = (pictures - self.mean) / self.std
        if self.stage is None:
            return self._pooled(self._last(self.model.forward_features(pictures)))
        found = self.model.forward_intermediates(
            pictures, indices=[self.stage], intermediates_only=not self.add_last, stop_early=not self.add_last
        )
        if not self.add_last:
            return self._pooled(found[0])
        last, (middle,) = found
        return torch.cat([self._pooled(middle), self._last(last).mean((2, 3))], 1)

    def _check_size(self, height: int, width: int) -> None:
        """Patches have to fit, and a ViT whose positions cannot be interpolated takes its own size alone."""
        embed = getattr(self.model, "patch_embed", None)
        patch, own = getattr(embed, "patch_size", None), getattr(embed, "img_size", None)
        if not isinstance(patch, tuple):
            return
        fixed = getattr(self.model, "pos_embed", None) is not None and not getattr(
            self.model, "dynamic_img_size", False
        )
        if fixed and isinstance(own, tuple) and (height, width) != own:
            raise InputError(
                f"encoder.backbone: {self.name} takes pictures of {own[0]} x {own[1]} only, not {height} x {width}; set "
                f"views.size={own[0]} and embed.size={own[0]}"
            )
        for side, step in zip((height, width), patch, strict=True):
            if side % step:
                below = max(side // step, 1) * step
                raise InputError(
                    f"encoder.backbone: {self.name} cuts pictures into patches of {step} pixels, and {side} is no multiple; "
                    f"set views.size and embed.size to {below} or {below + step}"
                )

    def _pooled(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D)"""
        if self.pooling == "max":
            return maps.amax((2, 3))
        if self.pooling == "grid":
            return F.adaptive_avg_pool2d(maps, self.grid).permute(0, 2, 3, 1).flatten(1)
        return maps.mean((2, 3))

    def _last(self, maps: Tensor) -> Tensor:
        """The model's last features as maps (N, C, H, W)."""
        if maps.dim() == 3:  # a ViT's tokens (N, L, D): leave class and register tokens out
            maps = maps[:, getattr(self.model, "num_prefix_tokens", 0) :].transpose(1, 2)
            side = round(maps.shape[2] ** 0.5)
            return maps.unflatten(2, (side, -1)) if side**2 == maps.shape[2] else maps[..., None]
        return maps if maps.shape[1] == self.num_last else maps.permute(0, 3, 1, 2)  # some give (N, H, W, C)


def _create(backbone: str, **options: Any) -> Any:
    """The timm model; a ViT that takes other sizes than its own, its positions interpolated (learned ones of DINO, DeiT, ...)."""
    import timm

    try:
        return timm.create_model(backbone, dynamic_img_size=True, **options)
    except TypeError:  # a family that knows no such option: convolutions take any size
        return timm.create_model(backbone, **options)


def _cut(model: Any, backbone: str, stage: int, *, keep_rest: bool) -> tuple[int, int]:
    """Leaves out what lies behind the stage, if told so; number of channels there, and the stage counted from 0."""
    if not hasattr(model, "forward_intermediates"):
        raise InputError(f"encoder.stage: timm gives no intermediate maps of {backbone!r}; set stage to null")
    info = model.feature_info
    if not -len(info) <= stage < len(info):
        raise InputError(
            f"encoder.stage: {backbone} has maps 0 to {len(info) - 1} (or -{len(info)} to -1), not {stage}"
        )
    stage %= len(info)
    if not keep_rest:
        model.prune_intermediate_layers([stage], prune_norm=True, prune_head=True)
    return int(info[stage]["num_chs"]), stage
