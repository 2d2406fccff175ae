"""The preview shows the pixels, times and masks of the batch."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import torch

from mvssl.errors import InputError
from mvssl.types import Batch, View
from mvssl.views import PARAMETERS, preview
from mvssl.views.modalities.array import ArrayModality
from mvssl.views.modalities.chroma import ChromaModality
from mvssl.views.modalities.rgb import RgbModality
from mvssl.views.modalities.sound import SoundModality


def make_batch(colour: tuple[int, int, int]) -> Batch:
    def view(pixels: torch.Tensor) -> View:
        mask = torch.tensor([[True] * 4, [True, True, False, False]])
        present = torch.tensor([True, True])
        time_s = torch.arange(8.0, dtype=torch.float64).reshape(2, 4)
        return View(pixels, time_s, mask, present, torch.rand(2, 4), torch.rand(2, len(PARAMETERS)))

    pixels = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(2, 4, 1, 3, 16, 16)
    absent = view(pixels)._replace(present=torch.tensor([False, True]))
    views = {
        "rgb": view(pixels),
        "chroma": absent,
        "sound": view(torch.rand(2, 4, 1, 1, 64, 48) * 8 - 6),
        "pose": view(torch.rand(2, 4, 6)),
    }
    return Batch(views, torch.tensor([5, 7]), torch.tensor([0, -1]), torch.tensor([[5, -1, 5, 5], [7, 7, 7, 7]]))


MODALITIES = {
    "rgb": RgbModality(),
    "chroma": ChromaModality(),
    "sound": SoundModality(),
    "pose": ArrayModality(kind="points", channels=6),
}


def test_the_picture_holds_the_frames(tmp_path):
    preview(make_batch((250, 10, 200)), tmp_path / "p.png", modalities=MODALITIES)
    found = cv2.imread(str(tmp_path / "p.png"))[..., ::-1].reshape(-1, 3)
    of_colour = (np.abs(found.astype(int) - (250, 10, 200)).max(-1) <= 2).sum()
    assert of_colour > 8 * 40 * 40  # eight frames of some size, some of them crossed out


def test_html_holds_the_same_picture(tmp_path):
    preview(make_batch((0, 0, 0)), tmp_path / "p.html", modalities=MODALITIES, num_samples=1, num_frames=2)
    page = (tmp_path / "p.html").read_text()
    assert re.search(r'src="data:image/png;base64,iVBOR', page)
    assert "http" not in page


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.png or \.html"):
        preview(make_batch((0, 0, 0)), tmp_path / "p.pdf", modalities=MODALITIES)
