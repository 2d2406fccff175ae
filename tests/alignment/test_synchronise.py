"""Clocks of cameras whose offset and drift are known."""

from __future__ import annotations

import numpy as np
import pytest

from mvssl.alignment.synchronise import Offset, agreed_offset, camera_offset, sound_offset, write_offsets
from mvssl.errors import InputError


def recording(make_video, name, start_s, end_s, *, fps, rate=1.0, seed=0):
    """A camera that starts at ``start_s`` of the session, its own clock at 0; rate > 1 runs fast."""
    time_s = np.arange(0, (end_s - start_s) * rate, 1 / fps)
    return make_video(name, (start_s + time_s / rate) / 20, noise=0.5, seed=seed, fps=fps, scene=3.0)


@pytest.mark.parametrize("start_s", [0.0, 1.13, 2.5])
def test_offset_is_found_to_a_fraction_of_a_frame(make_video, start_s):
    reference = recording(make_video, "a", 1.0, 18.0, fps=10)
    camera = recording(make_video, "b", start_s, 19.0, fps=12.5, seed=1)
    found = camera_offset(reference, camera, max_offset_s=5.0)
    assert found.offset_s == pytest.approx(start_s - 1.0, abs=0.04)
    assert found.confidence > 0.3
    assert found.rate == 1.0


def test_drift_is_found(make_video):
    reference = recording(make_video, "a", 0.0, 20.0, fps=10)
    camera = recording(make_video, "b", 1.0, 19.0, fps=10, rate=1.04, seed=1)
    found = camera_offset(reference, camera, max_offset_s=3.0, max_drift=0.05)
    assert found.rate == pytest.approx(1 / 1.04, abs=0.006)
    assert found.offset_s == pytest.approx(1.0, abs=0.1)


def test_unrelated_recordings_have_low_confidence(make_video):
    reference = recording(make_video, "a", 0.0, 20.0, fps=10)
    other = make_video("b", np.linspace(0, 1, 200), action=3, noise=0.5, seed=2)
    assert camera_offset(reference, other, max_offset_s=5.0).confidence < 0.3
    with pytest.raises(InputError, match="no overlap"):
        camera_offset(reference, other._replace(time_s=other.time_s), max_offset_s=-1.0)


@pytest.mark.parametrize("rates", [(48_000, 48_000), (44_100, 16_000)])
def test_sound_offset(rng, rates):
    clicks_s = np.sort(rng.uniform(1, 9, 12))

    def recorded(start_s, rate):
        samples = 0.01 * rng.normal(size=(1, 8 * rate))
        for click_s in clicks_s - start_s:
            at = int(click_s * rate)
            if 0 <= at < samples.shape[1] - rate // 20:
                samples[0, at : at + rate // 20] += np.exp(-np.arange(rate // 20) / (rate / 100)) * rng.normal(
                    size=rate // 20
                )
        return samples.astype(np.float32), rate

    found = sound_offset(recorded(0.5, rates[0]), recorded(1.73, rates[1]), names=("a", "b"), max_offset_s=4)
    assert found.offset_s == pytest.approx(1.23, abs=0.01)
    assert found.confidence > 0.3
    with pytest.raises(InputError, match="silence"):
        sound_offset(recorded(0, 8000), (np.zeros((1, 8000), np.float32), 8000), names=("a", "b"))


def test_methods_agree_or_doubt(tmp_path):
    seen = Offset("a", "b", 1.0, 1.0, 0.5, "embedding")
    heard = Offset("a", "b", 1.02, 1.0, 0.8, "sound")
    both = agreed_offset([seen, heard])
    assert both.offset_s == 1.02
    assert both.confidence == pytest.approx(0.9)
    assert both.method == "both"
    apart = agreed_offset([seen._replace(offset_s=3.0), heard])
    assert apart.offset_s == 1.02
    assert apart.confidence == pytest.approx(0.4)
    text = write_offsets(tmp_path / "offsets.csv", [both]).read_text()
    assert text.splitlines()[0].replace('"', "") == "reference,camera,offset_s,rate,confidence,method"
