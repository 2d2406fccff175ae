"""Clip backbones: pytorchvideo's networks without their heads, pooled over space, their time kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from mvssl.config import nearest
from mvssl.encoders._backbone import Backbone
from mvssl.encoders.weights import load_weights
from mvssl.errors import InputError

Made = tuple[nn.Module, int, int]  # network, width D, frames from one step of its map to the next


def _create(module: str, name: str) -> Callable[..., Any]:
    """A function of pytorchvideo, imported on first use: it brings fvcore, which compiles something when imported."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=FutureWarning)
        return getattr(import_module(f"pytorchvideo.models.{module}"), f"create_{name}")


def _r3d50_cvrl(channels: int, num_frames: int, size: int) -> Made:
    """CVRL's: a stem of 5 x 7 x 7 with stride 2 in time, temporal kernels 1, 1, 3, 3, no stride in time after it."""
    model = _create("resnet", "resnet")(
        input_channel=channels, stem_conv_kernel_size=(5, 7, 7), stem_conv_stride=(2, 2, 2), head=None
    )
    return model, 2048, 2


def _r2plus1d(channels: int, num_frames: int, size: int) -> Made:
    model = _create("r2plus1d", "r2plus1d")(input_channel=channels)
    model.blocks = model.blocks[:-1]
    return model, 2048, 4


def _x3d(depth_factor: float) -> Callable[[int, int, int], Made]:
    def make(channels: int, num_frames: int, size: int) -> Made:
        model = _create("x3d", "x3d")(input_channel=channels, depth_factor=depth_factor, inner_act=nn.SiLU)
        head = model.blocks[
            -1
        ]  # of it the convolution before the pooling stays, under the name it has in stored weights
        pool = head.pool
        head.pool = nn.Sequential()
        for name in ("pre_conv", "pre_norm", "pre_act"):
            head.pool.add_module(name, getattr(pool, name))
        head.proj = head.dropout = head.activation = head.output_pool = None
        return model, pool.pre_conv.out_channels, 1

    return make


def _mvit_b(channels: int, num_frames: int, size: int) -> Made:
    model = _create("vision_transformers", "multiscale_vision_transformers")(
        spatial_size=size, temporal_size=num_frames, input_channels=channels, head=None,
        embed_dim_mul=[[1, 2.0], [3, 2.0], [14, 2.0]], atten_head_mul=[[1, 2.0], [3, 2.0], [14, 2.0]],
        pool_q_stride_size=[[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]], pool_kv_stride_adaptive=[1, 8, 8],
        pool_kvq_kernel=[3, 3, 3],
    )  # fmt: skip
    return model, 768, 2


BACKBONES: dict[str, Callable[[int, int, int], Made]] = {
    "r3d50_cvrl": _r3d50_cvrl,
    "r2plus1d": _r2plus1d,
    "x3d_s": _x3d(2.2),
    "x3d_m": _x3d(2.2),
    "x3d_l": _x3d(5.0),
    "mvit_b": _mvit_b,
}
MEAN, STD = 0.45, 0.225  # what pytorchvideo's models are trained with, in every channel


class ClipBackbone(Backbone):
    """Clips (N, C, T, H, W) float in [0, 1] -> (N, T', D), T' = ceil(T / step).

    Step j of the map is centred on frame j * ``step`` (kernels are odd and padded by half); how far it sees on either side
    is the network's matter.

    Args:
        backbone: one of ``BACKBONES``. X3D-S and -M differ in what they are shown, not in the network.
        weights: ``none``, or a file: a model of pytorchvideo's zoo, its head is left out.
        freeze: ``all``, ``none``, or name prefixes (see ``_backbone.py``).
        num_frames, size: of a clip; MViT's codes of position are made for them.
        in_channels: of the pictures.

    Raises:
        InputError: an unknown backbone, weights that do not fit, a clip that the network cannot be made for.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: str, *, weights: str, freeze: str | tuple[str, ...], num_frames: int, size: int, in_channels: int
    ):  # fmt: skip
        if backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise InputError(
                f"encoder.backbone: no clip backbone {backbone!r}; known: {known}{nearest(backbone, BACKBONES)}"
            )
        if weights in ("hub", "package"):
            raise InputError(f"encoder.weights: {backbone}: give 'none', or a file of weights; not {weights!r}")
        if backbone == "mvit_b" and (size % 32 or num_frames % 2):
            raise InputError(
                f"encoder: mvit_b needs a size that 32 divides and an even number of frames, not {size} and {num_frames}"
            )
        model, dim, step = BACKBONES[backbone](in_channels, num_frames, size)
        load_weights(model, backbone, weights)
        super().__init__(model, freeze)
        self.dim, self.step = dim, step
        self.needs_all_frames = backbone == "mvit_b"
        self.register_buffer("mean", torch.full((1, in_channels, 1, 1, 1), MEAN), persistent=False)
        self.register_buffer("std", torch.full((1, in_channels, 1, 1, 1), STD), persistent=False)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """``mask`` (N, T): where it is False the normalised picture is 0, as beyond the ends of every clip."""
        shown = (clips - self.mean) / self.std * mask[:, None, :, None, None].to(clips.dtype)
        found: Any = self.model(shown)
        if found.dim() == 5:
            return found.mean((3, 4)).transpose(1, 2)
        steps = -(-clips.shape[2] // self.step)  # tokens (N, 1 + T' H' W', D), the first that of the class
        return found[:, 1:].unflatten(1, (steps, -1)).mean(2)
