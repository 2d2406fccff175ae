"""The step between the loader and the encoder, on the training device."""

from __future__ import annotations

from mvssl import config
from mvssl.types import View
from mvssl.views.modality import Modality


def to_input(view: View, modality: str | Modality = "rgb") -> View:
    """A view as it left the loader (uint8 pictures, float16 vectors) -> float pixels in [0, 1] for the encoder.

    Args:
        view: of a batch, on any device.
        modality: the modality, or its name where its parameters are the defaults.
    """
    chosen = config.build("mvssl.views.modalities", modality, "modality") if isinstance(modality, str) else modality
    return chosen.to_input(view)
