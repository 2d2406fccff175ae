"""What a cached view says of itself is what the same view says that was decoded."""

import numpy as np
import pytest
import torch

from mvssl.loading.cache import Passes
from mvssl.loading.collate import shown_s, view_of
from mvssl.loading.features import cached_view
from mvssl.loading.plan import Shown
from mvssl.types import Clip, ClipRequest, Video
from mvssl.views import PARAMETERS, Drawn

TIMES_S = np.arange(0, 4, 0.1)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("valid", [8, 3, 1, 0])
def test_a_cached_view_has_the_parameters_of_a_decoded_one(every, valid):
    drawn = Drawn(box=(0.1, 0.2, 0.7, 0.9), flip=True, brightness=1.5, hue=-0.1)
    time_s = TIMES_S[2 : 2 + 8 * every : every]
    request = ClipRequest("v", time_s, mask=np.arange(8) < valid)
    clip = Clip("v", time_s[:, None], np.zeros((8, 1, 3, 4, 4), np.uint8), request.mask)
    decoded = view_of(clip.frames, shown_s(request, clip), request.mask, drawn)
    box = np.array([(0.0,) * 4, drawn.box], np.float32)
    params = np.stack([Drawn().columns(0.0), drawn.columns(0.0)])
    passes = Passes(np.zeros((2, len(TIMES_S), 5), np.float16), np.zeros(5, np.float32), TIMES_S, box, params)
    cached = cached_view(passes, Shown(Video("v", "v.mp4"), request, drawn, 1))
    for name in ("time_s", "mask", "box", "params"):
        mine, theirs = torch.as_tensor(getattr(cached, name)), torch.as_tensor(getattr(decoded, name))
        assert torch.equal(mine, theirs), name
    tempo = 0.1 * every if valid > 1 else 0.0
    assert float(cached.params[PARAMETERS.index("step_s")]) == pytest.approx(tempo, abs=1e-6)
    assert (passes.params[:, PARAMETERS.index("step_s")] == 0).all(), "the cache itself is as it was"
