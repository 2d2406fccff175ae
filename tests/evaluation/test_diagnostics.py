from __future__ import annotations

import numpy as np
import pytest

from mvssl.errors import InputError
from mvssl.evaluation import Diagnostics, collapse
from mvssl.evaluation._checks import normalised_time
from mvssl.frames import Frames


def test_collapse_of_known_shapes(rng):
    round_cloud = [rng.normal(size=(500, 8)) for _ in range(4)]
    value = collapse(round_cloud, generator=rng)
    assert value["effective_rank"] == pytest.approx(8, abs=0.05)
    assert value["std"] == pytest.approx(8**-0.5, abs=0.01)
    line = [rows[:, :1] * np.ones(8) for rows in round_cloud]
    assert collapse(line, generator=rng)["effective_rank"] == pytest.approx(1, abs=1e-3)
    flat = collapse([np.ones((20, 4))], generator=rng)
    assert flat == {"effective_rank": 0.0, "std": 0.0, "alignment": 0.0, "uniformity": 0.0}
    two = [np.concatenate([rows[:, :2], np.zeros((500, 6))], axis=1) for rows in round_cloud]
    assert collapse(two, generator=rng)["effective_rank"] == pytest.approx(2, abs=0.01)


def test_alignment_and_uniformity_of_opposite_points(rng):
    """Rows alternate between two opposite unit vectors: neighbours are 4 apart, a random pair 0 or 4."""
    rows = np.tile([[1.0, 0.0], [-1.0, 0.0]], (500, 1))
    value = collapse([rows], generator=rng)
    assert value["alignment"] == pytest.approx(4)
    assert value["uniformity"] == pytest.approx(np.log((1 + np.exp(-8)) / 2), abs=0.03)


@pytest.fixture
def table(make_video, rng):
    """Rows hold the clock, one number per scene and noise."""
    videos = []
    for i in range(24):
        clock = normalised_time(make_video("x", num_frames=20))
        scene = i % 4
        rows = np.stack([clock, np.full(20, float(scene)), rng.normal(size=20)], axis=1)
        split = "train" if i < 12 else "val"
        about = {"group": f"{split}{scene}", "session": f"s{i}"}
        videos.append(make_video(f"v{i:02d}", rows, split=split, **about))
    return Frames(videos)


def test_probes_read_what_is_there_and_nothing_else(table):
    train, val = table.where(split="train"), table.where(split="val")
    value = Diagnostics().evaluate(val, None, train)
    assert value.value["clock_r2"] > 0.999
    assert value.value["scene"] > 0.9
    assert np.isnan(value.value["camera"])
    assert value.details["not_measured"] == ["camera"]
    noise = table.with_embeddings([v.embedding[:, 2:] for v in table])
    blind = Diagnostics().evaluate(noise.where(split="val"), None, noise.where(split="train")).value
    assert blind["clock_r2"] < 0.1
    assert blind["scene"] < 0.25
    assert blind["clock_r2"] > -0.1  # noise is not fitted: the strength is chosen on videos left out
    one_group = Frames([v._replace(group="g") for v in train])
    with pytest.raises(InputError, match="two groups"):
        Diagnostics().evaluate(val, None, one_group)
    with pytest.raises(InputError, match="training videos"):
        Diagnostics().evaluate(val)
