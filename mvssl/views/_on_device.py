"""Flip, colours, blur, solarise and erase on the training device: the exact recipe by torch operations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mvssl.types import View
from mvssl.views._exact import blur_kernel
from mvssl.views.parameters import COLOUR_ORDERS, PARAMETERS


def augment_on_device(view: View, solarise_threshold: float) -> View:
    """Each sample of the view by the parameters that were drawn for it (``view.params``), all its frames alike.

    Args:
        view: pixels (B, T, K, 3, H, W) uint8, cropped and resized, nothing else done; on any device.

    Returns:
        The view with pixels of the same shape, uint8 too, within one level of the exact recipe on the same pictures.
    """
    drawn = [dict(zip(PARAMETERS, row)) for row in view.params.tolist()]
    present = view.present.tolist()
    samples = [
        _augment(pixels, row, solarise_threshold) if here else pixels
        for pixels, row, here in zip(view.pixels, drawn, present)
    ]
    return view._replace(pixels=torch.stack(samples))


def _augment(pixels: Tensor, drawn: dict[str, float], solarise_threshold: float) -> Tensor:
    from torchvision.transforms.v2 import functional as tv  # takes as long as torch itself

    colours = {
        "brightness": tv.adjust_brightness,
        "contrast": tv.adjust_contrast,
        "saturation": tv.adjust_saturation,
        "hue": tv.adjust_hue,
    }
    x = pixels.flatten(0, 1).float() / 255
    if drawn["flip"]:
        x = x.flip(-1)
    for name in COLOUR_ORDERS[int(drawn["colour_order"])]:
        if drawn[name] != (0.0 if name == "hue" else 1.0):
            x = colours[name](x, drawn[name])
    if drawn["grayscale"]:
        x = tv.rgb_to_grayscale(x, num_output_channels=3)
    if drawn["blur_sigma"] > 0:
        x = _blur(x, drawn["blur_sigma"])
    if drawn["solarise"]:
        x = torch.where(x >= solarise_threshold, 1 - x, x)
    out = (x * 255).round_().clamp_(0, 255).to(torch.uint8)
    height, width = out.shape[-2:]
    top, bottom = round(drawn["erase_y0"] * height), round(drawn["erase_y1"] * height)
    left, right = round(drawn["erase_x0"] * width), round(drawn["erase_x1"] * width)
    out[..., top:bottom, left:right] = 0
    return out.view(pixels.shape)


def _blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian along the rows, then along the columns; the border is mirrored."""
    kernel = torch.from_numpy(blur_kernel(sigma, min(x.shape[-2:]))).to(x.device)
    radius = len(kernel) // 2
    planes = F.pad(x.flatten(0, 1)[:, None], [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(planes, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[:, 0].view(x.shape)
