"""What an encoder is shown of a video: the pictures at given times, in the modality of the recipe."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mvssl import config
from mvssl.errors import InputError
from mvssl.types import ClipRequest
from mvssl.video import Decoder, read_audio
from mvssl.views import Drawn, EvaluationViews
from mvssl.views.recipe import MODALITIES, Recipe


def pictures(decoder: Decoder, time_s: np.ndarray, recipe: Recipe) -> Tensor:
    """(1, T, K, C, H, W) float in [0, 1].

    Raises:
        InputError: the video has no sound, or no stored array, and the modality is made of it.
    """
    modality = config.build(MODALITIES, recipe.modality, "recipe.modality")
    video, box = decoder.video, recipe.crop_of(decoder.video)
    transform = EvaluationViews(size=recipe.size, fit="squash" if box is None else "crop")
    drawn = Drawn() if box is None else Drawn(box=box)
    request = ClipRequest(video.id, np.asarray(time_s))
    if modality.decodes:
        clip = decoder.read([modality.request(request, transform, drawn)])[0]
        packed = modality.pack(clip, transform, drawn)
    else:
        packed = modality.load(video, request, transform, drawn, read_audio)
    if packed is None:
        raise InputError(
            f"{video.path}: has no {recipe.modality['name']}, which this encoder is shown; leave the video out, or choose "
            "an encoder of another modality"
        )
    return modality.floats(torch.from_numpy(packed)[None])
