"""The step between the loader and the encoder, on the training device."""

from __future__ import annotations

from mvssl import config
from mvssl.types import View
from mvssl.views._on_device import augment_on_device
from mvssl.views.augment import Augment
from mvssl.views.modalities.rgb import RgbModality
from mvssl.views.modality import Modality, Transform


def to_input(view: View, modality: str | Modality = "rgb", transform: Transform | None = None) -> View:
    """A view as it left the loader (uint8 pictures, float16 vectors) -> float pixels in [0, 1] for the encoder.

    Args:
        view: of a batch, on any device.
        modality: the modality, or its name where its parameters are the defaults.
        transform: what the loader used; with ``device="model"`` pictures (not vectors or sound) get its flip and colours
            here.
    """
    chosen = config.build("mvssl.views.modalities", modality, "modality") if isinstance(modality, str) else modality
    if isinstance(transform, Augment) and transform.device == "model" and isinstance(chosen, RgbModality):
        view = augment_on_device(view, transform.solarise_threshold)
    return chosen.to_input(view)
