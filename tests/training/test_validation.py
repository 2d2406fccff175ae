"""Which evaluation is the best so far, also after an interruption, and when the backbone's features are computed anew."""

import json

import numpy as np
import pytest

from mvssl import config
from mvssl.embedding import Recipe
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segment, Segments
from mvssl.training import validation
from mvssl.training.validation import Validation
from mvssl.types import Video

TABLE = Frames([VideoFrames("v", np.arange(3), np.arange(3) / 10, np.zeros((3, 2), np.float32))])
LABELS = Segments({"v": [Segment(0.0, 1.0, "first")]})


def made(run, labels, **encoder):
    about = {"name": "frame", "backbone": "test_resnet", "mlp": [4], "dim": 4, "num_heads": 2, "hidden": 4, **encoder}
    saved = []
    found = Validation(
        config.build("mvssl.encoders", about, "encoder"), Recipe(size=32), [], [Video("v", "v.mp4")], labels, run,
        save=saved.append,
    )  # fmt: skip
    return found, saved


@pytest.mark.parametrize("labels", [LABELS, None])
@pytest.mark.parametrize("interrupted", [False, True])
def test_only_what_is_better_than_all_before_is_kept(tmp_path, monkeypatch, labels, interrupted):
    monkeypatch.setattr(validation, "project", lambda encoder, part, *, recipe: part)
    monkeypatch.setattr(Validation, "_backbone", lambda self: [TABLE])
    sign = 1 if labels else -1  # recall should rise, the error fall
    quality = {4: 0.1, 8: 0.3, 12: 0.2, 16: 0.4, 20: float("nan")}
    monkeypatch.setattr(Validation, "_numbers", lambda self, *_: {self.metric: sign * quality[self.now]})
    found, saved = made(tmp_path, labels)
    kept = []
    for step in quality:
        if interrupted and step == 12:
            found, saved = made(tmp_path, labels)
            found.resume(8)
        found.now = step
        before = len(saved)
        told = found(step)
        kept += [step] * (len(saved) - before)
        assert told.endswith("; the best so far") == (len(saved) > before)
    assert kept == [4, 8, 16]
    best = json.loads((tmp_path / "checkpoints" / "best" / "best.json").read_text())
    assert (best["step"], best["value"]) == (16, sign * 0.4)


@pytest.mark.parametrize(("freeze", "times"), [("all", 1), ("none", 3)])
def test_features_of_a_trained_backbone_are_computed_at_every_evaluation(tmp_path, monkeypatch, freeze, times):
    found, _ = made(tmp_path, LABELS, freeze=freeze)
    found.with_copies = False
    seen = []

    def embed_video(image, video, **about):
        seen.append(video.id)
        return TABLE[0]

    monkeypatch.setattr(validation, "embed_video", embed_video)
    for _ in range(3):
        assert found._backbone()[0].ids == ["v"]
    assert seen == ["v"] * times
