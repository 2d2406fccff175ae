"""Modalities: conversions against references, vectors under crops and flips, arrays beside the video."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from mvssl.errors import ConfigError, InputError
from mvssl.types import Clip, ClipRequest, Video, View
from mvssl.views import Augment, Drawn, EvaluationViews, to_input
from mvssl.views.modalities._lab import rgb_to_lab
from mvssl.views.modalities.array import ArrayModality
from mvssl.views.modalities.difference import DifferenceModality
from mvssl.views.modalities.flow import FlowModality, velocity
from mvssl.views.modalities.motion import MotionModality
from mvssl.views.modalities.rgb import RgbModality
from mvssl.views.modalities.sound import SoundModality, mel_power


def view_of(pixels: torch.Tensor) -> View:
    num = pixels.shape[:2]
    empty = torch.zeros(num[0], 0)
    return View(pixels, torch.zeros(num), torch.ones(num, dtype=torch.bool), torch.ones(num[0]).bool(), empty, empty)


def clip_of(frames: np.ndarray, time_s: np.ndarray, motion: np.ndarray | None = None) -> Clip:
    """(T, K, H, W, 3) pictures as a decoder hands them out."""
    return Clip("v", time_s, frames.transpose(0, 1, 4, 2, 3), np.ones(len(frames), dtype=bool), motion)


def textured(rng: np.random.Generator, size: int = 160) -> np.ndarray:
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def test_lab_is_scikit_image_s(rng):
    rgb = rng.random((20, 30, 3))
    rgb[:3, :3] = 0
    rgb[3:6, :3] = 1
    found = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, rgb2lab(rgb), atol=1e-3)


def test_lab_is_differentiable_everywhere():
    rgb = torch.tensor([0.0, 0.02, 0.04045, 0.5, 1.0], dtype=torch.float64)
    rgb = rgb[None, :, None].expand(3, 5, 1).clone().requires_grad_()
    rgb_to_lab(rgb).sum().backward()
    assert torch.isfinite(rgb.grad).all()
    inside = torch.rand(3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(rgb_to_lab, inside)


def test_luminance_and_chroma_part_the_colours(rng):
    pixels = torch.from_numpy(rng.integers(0, 256, (1, 2, 1, 3, 8, 8), dtype=np.uint8))
    lab = rgb_to_lab(pixels.float() / 255)
    torch.testing.assert_close(to_input(view_of(pixels), "luminance").pixels, lab[..., :1, :, :] / 100)
    chroma = to_input(view_of(pixels), "chroma").pixels
    torch.testing.assert_close(chroma * 255 - 128, lab[..., 1:, :, :], atol=1e-3, rtol=1e-5)
    gray = pixels[..., :1, :, :].expand(-1, -1, -1, 3, -1, -1)
    chroma = to_input(view_of(gray), "chroma").pixels
    torch.testing.assert_close(chroma, torch.full_like(chroma, 128 / 255), atol=1e-3, rtol=0)


def test_rgb_and_difference_on_the_device(rng):
    pixels = torch.from_numpy(rng.integers(0, 256, (2, 3, 2, 3, 4, 4), dtype=np.uint8))
    torch.testing.assert_close(to_input(view_of(pixels)).pixels, pixels.float() / 255)
    change = to_input(view_of(pixels), "difference").pixels
    expected = (pixels[:, :, 1:].float() - pixels[:, :, :1].float()) / 255
    torch.testing.assert_close(change, (expected + 1) / 2)


def test_an_unknown_modality_lists_the_known_ones():
    with pytest.raises(ConfigError, match="chroma"):
        to_input(view_of(torch.zeros(1, 1, 1, 3, 2, 2)), "cromha")


def moving(rng, shift: tuple[int, int]) -> np.ndarray:
    """Two pictures (1, 2, H, W, 3): the second is the first moved by (dx, dy) pixels."""
    big = textured(rng, 192)
    dx, dy = shift
    return np.stack([big[16:176, 16:176], big[16 - dy : 176 - dy, 16 - dx : 176 - dx]])[None]


def inner(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., 40:-40, 40:-40]


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_flow_of_a_translation(rng, preset):
    """3 pixels right and 2 up in 0.1 s, by the true time between the frames."""
    frames = moving(rng, (3, -2))
    clip = clip_of(frames, np.array([[1.0, 1.1]]))
    found = FlowModality(delta_s=0.08, preset=preset).pack(clip, EvaluationViews(size=160), Drawn())
    assert found.shape == (1, 1, 2, 160, 160)
    np.testing.assert_allclose(inner(found)[0, 0, 0].mean(), 30, atol=1.5)
    np.testing.assert_allclose(inner(found)[0, 0, 1].mean(), -20, atol=1.5)


def test_flow_of_the_transformed_is_the_transformed_flow(rng):
    """Flip negates dx and mirrors; a crop to a part, blown up to the same size, scales; colours change nothing."""
    frames = moving(rng, (3, -2))
    clip, flow = clip_of(frames, np.array([[1.0, 1.1]])), FlowModality()
    plain = flow.pack(clip, Augment(size=160), Drawn()).astype(np.float32)
    flipped = flow.pack(clip, Augment(size=160), Drawn(flip=True)).astype(np.float32)
    np.testing.assert_array_equal(flipped[:, :, 0], -plain[:, :, 0, :, ::-1])
    np.testing.assert_array_equal(flipped[:, :, 1], plain[:, :, 1, :, ::-1])
    mirrored = flow.pack(clip._replace(frames=clip.frames[..., ::-1]), Augment(size=160), Drawn()).astype(np.float32)
    assert np.abs(inner(mirrored) - inner(flipped)).mean() < 0.6
    coloured = flow.pack(clip, Augment(size=160), Drawn(brightness=0.3, hue=0.2, blur_sigma=2.0, solarise=True))
    np.testing.assert_array_equal(coloured, plain.astype(np.float16))
    part = np.stack([cv2.resize(f[40:120, 40:120], (160, 160), interpolation=cv2.INTER_LINEAR) for f in frames[0]])
    larger = flow.pack(clip_of(part[None], clip.time_s), Augment(size=160), Drawn()).astype(np.float32)
    np.testing.assert_allclose(inner(larger)[0, 0].mean((1, 2)), 2 * inner(plain)[0, 0].mean((1, 2)), atol=2.0)


def test_flow_is_zero_where_one_frame_is_shown_twice(rng):
    gray = rng.integers(0, 256, (2, 32, 32), dtype=np.uint8)
    found = velocity(gray, gray[::-1].copy(), np.array([0.0, 0.1]))
    assert not found[0].any()
    assert found[1].any()


def test_vectors_on_the_device_are_sides_per_second():
    pixels = torch.zeros(1, 1, 1, 2, 20, 40, dtype=torch.float16)
    pixels[:, :, :, 0], pixels[:, :, :, 1] = 40.0, -400.0  # one width to the right, twenty heights up
    found = to_input(view_of(pixels), FlowModality(bound=2.0)).pixels
    torch.testing.assert_close(found[0, 0, 0, :, 0, 0], torch.tensor([0.75, 0.0]))


def test_flow_asks_for_its_neighbour_and_its_own_crop():
    drawn = Drawn(box=(0.1, 0.0, 0.9, 1.0))
    request = FlowModality(delta_s=0.2).request(ClipRequest("v", np.zeros(2)), Augment(size=64, recipe="exact"), drawn)
    np.testing.assert_array_equal(request.offsets_s, [0.0, 0.2])
    assert request.crop == drawn.box
    assert request.size == (64, 64)


def test_motion_is_the_decoder_s_and_is_mirrored(rng):
    vectors = rng.normal(0, 10, (3, 1, 2, 8, 8)).astype(np.float32)
    clip = clip_of(np.zeros((3, 1, 0, 0, 3), np.uint8), np.zeros((3, 1)), vectors)
    np.testing.assert_allclose(MotionModality().pack(clip, EvaluationViews(size=8), Drawn()), vectors, atol=0.05)
    flipped = MotionModality().pack(clip, EvaluationViews(size=8), Drawn(flip=True))
    np.testing.assert_allclose(flipped[:, :, 0], -vectors[:, :, 0, :, ::-1], atol=0.05)
    assert "motion" in MotionModality().request(ClipRequest("v", np.zeros(3)), EvaluationViews(size=8), Drawn()).planes
    with pytest.raises(InputError, match="no motion vectors"):
        MotionModality().pack(clip._replace(motion=None), EvaluationViews(size=8), Drawn())


@pytest.mark.parametrize("modality", [RgbModality(), DifferenceModality(), FlowModality(), MotionModality()])
def test_empty_has_the_shape_and_type_of_what_is_packed(rng, modality):
    request = modality.request(ClipRequest("v", np.zeros(3)), Augment(size=16), Drawn())
    num = len(request.offsets_s)
    frames = rng.integers(0, 256, (3, num, 16, 16, 3), dtype=np.uint8)
    motion = np.zeros((3, 1, 2, 16, 16), np.float32)
    packed = modality.pack(clip_of(frames, np.arange(3 * num).reshape(3, num) * 0.1, motion), Augment(size=16), Drawn())
    empty = modality.empty(3, num, 16)
    assert (empty.shape, empty.dtype) == (packed.shape, packed.dtype)
    assert not empty.any()


def tone(frequency: float, seconds: float = 2.0, rate: int = 16000) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate).astype(np.float32)[None]


def test_mel_power_peaks_at_the_tone():
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66) / 2595) - 1)
    for frequency in (300.0, 1000.0, 4000.0):
        found = mel_power(torch.from_numpy(tone(frequency)[0]), 16000, 64)[10:-10]
        expected = int(np.argmin(np.abs(edges[1:-1] - frequency)))
        assert (np.abs(found.argmax(1).numpy() - expected) <= 1).all()


def test_sound_is_heard_at_its_time():
    """Silence, then a tone from 1 s on: features tell which frames lie after it, part by part."""
    samples = np.concatenate([np.zeros((1, 16000), np.float32), tone(1000.0, 1.0)], axis=1)

    def read(path, start_s, end_s, *, sample_rate):
        first, last = round(start_s * sample_rate), min(round(end_s * sample_rate), samples.shape[1])
        return samples[:, first:last], sample_rate

    sound = SoundModality(context_s=0.4, num_parts=2, num_mels=8)
    time_s = np.array([0.5, 0.95, 1.5, 1.9])
    found = sound.load(Video("v", "v", has_audio=True), ClipRequest("v", time_s), EvaluationViews(), Drawn(), read)
    assert found.shape == (4, 1, 1, 8, 2)
    loud = (found[:, 0, 0] > -3).any(1)
    np.testing.assert_array_equal(loud, [[False, False], [False, True], [True, True], [True, True]])
    np.testing.assert_allclose(found[0], -6.0, atol=1e-3)
    silent = sound.floats(torch.from_numpy(found[:1]))
    assert float(silent.abs().max()) < 1e-3
    quiet = sound.load(Video("v", "v"), ClipRequest("v", time_s), EvaluationViews(), Drawn(), read)
    assert quiet is None


def stored(tmp_path, **arrays) -> Video:
    np.savez(tmp_path / "walk.depth.npz", **arrays)
    return Video("walk", str(tmp_path / "walk.mp4"))


def load(array: ArrayModality, video: Video, time_s, drawn: Drawn = Drawn(), size: int = 8) -> np.ndarray:
    return array.load(video, ClipRequest("walk", np.asarray(time_s)), EvaluationViews(size=size), drawn, None)


def test_array_images_are_cropped_resized_and_mirrored(tmp_path):
    ramp = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    values = np.stack([ramp + 100 * i for i in range(5)])[:, None]
    video = stored(tmp_path, time_s=np.arange(5) * 0.1, values=values)
    found = load(ArrayModality(), video, [0.31, 0.0], size=16)
    np.testing.assert_allclose(found, values[[3, 0]][:, None], atol=1e-4)
    part = load(ArrayModality(), video, [0.0], Drawn(box=(0.5, 0.0, 1.0, 1.0), flip=True))
    np.testing.assert_allclose(part[0, 0, 0, 0], np.arange(15, 7, -1), atol=0.1)
    with pytest.raises(InputError, match=r"nothing within 0.05 s of 0.700 s"):
        load(ArrayModality(), video, [0.7])
    with pytest.raises(InputError, match=r"must be \(N, 3, h, w\)"):
        load(ArrayModality(channels=3), video, [0.1])
    with pytest.raises(InputError, match=r"walk.other.npz is missing"):
        load(ArrayModality(file="other"), video, [0.1])


def test_array_vectors_scale_with_the_picture_and_turn_with_the_flip(tmp_path):
    values = np.zeros((2, 2, 16, 16), np.float32)
    values[:, 0], values[:, 1] = 4.0, -6.0
    video = stored(tmp_path, time_s=np.array([0.0, 0.1]), values=values)
    found = load(ArrayModality(kind="vectors"), video, [0.0], Drawn(box=(0.0, 0.0, 0.5, 1.0), flip=True))
    np.testing.assert_allclose(found[0, 0, 0], -4.0)  # 16 x 0.5 pixels wide become 8: scale 1; mirrored
    np.testing.assert_allclose(found[0, 0, 1], -3.0)  # 16 high become 8


def test_array_points_move_into_the_crop(tmp_path):
    points = np.array([[[0.5, 0.5], [1.0, 0.25]]])
    video = stored(tmp_path, time_s=np.zeros(1), values=points)
    array = ArrayModality(kind="points", channels=4)
    np.testing.assert_allclose(load(array, video, [0.0], Drawn(box=(0.5, 0.0, 1.0, 0.5))), [[0, 1, 1, 0.5]])
    np.testing.assert_allclose(load(array, video, [0.0], Drawn(flip=True)), [[0.5, 0.5, 0.0, 0.25]])
