"""How fast is the augmentation? Frames per CPU-second of the CARL recipe and of each of its operations.

    python benchmarks/views.py [--quick] [--json FILE]

Every contender gets the same decoded frames as the decoder leaves them (640 x 360, 4:2:0, generated) and the same drawn
parameters, and gives 224 x 224 frames: uint8 (ours, torchvision on uint8) or float32 (torchvision and kornia on float).
The others convert the whole frame to RGB by our decoder's converter, which is the cheapest way there is. The contenders
are interleaved in random order; figures are CPU time of one process with one thread, over random draws of parameters.
kornia resizes without antialias, its default.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import av
import cv2
import numpy as np
import torch
import torchvision.transforms.v2.functional as F

from mvssl.loading.loader import keep_freed_memory
from mvssl.types import ClipRequest
from mvssl.video._picture import FrameConverter, pixel_box
from mvssl.views import Drawn
from mvssl.views.carl import CarlViews
from mvssl.views.parameters import COLOUR_ORDERS

SIZE, WIDTH, HEIGHT = 224, 640, 360
Run = Callable[[list[av.VideoFrame], Drawn], object]
NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def source_frames(num: int) -> list[av.VideoFrame]:
    """Coloured waves that move, with noise; 4:2:0 as from a decoder."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    waves = rng.uniform(0.01, 0.08, (3, 2))
    out = []
    for i in range(num):
        colours = [128 + 90 * np.sin(a * x + b * y + 0.2 * i) for a, b in waves]
        rgb = np.clip(np.stack(colours, -1) + rng.normal(0, 8, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
        out.append(av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p"))
    return out


def to_rgb(frames: list[av.VideoFrame], convert: FrameConverter, crop=None, size=None) -> np.ndarray:
    """As the decoder does it: into one array made beforehand."""
    first = convert(frames[0], crop, size)
    out = np.empty((len(frames), *first.shape), np.uint8)
    out[0] = first
    for i, frame in enumerate(frames[1:], 1):
        out[i] = convert(frame, crop, size)
    return out


def make_ours(recipe: str) -> Run:
    transform, convert = CarlViews(size=SIZE, recipe=recipe), FrameConverter(0, False)

    def run(frames: list[av.VideoFrame], drawn: Drawn) -> np.ndarray:
        request = transform.request(ClipRequest("", np.zeros(1)), drawn)
        return transform.apply(to_rgb(frames, convert, request.crop, request.size), drawn)

    return run


def make_torchvision(dtype: torch.dtype, channels_last: bool) -> Run:
    convert = FrameConverter(0, False)

    def run(frames: list[av.VideoFrame], drawn: Drawn) -> torch.Tensor:
        x = torch.from_numpy(to_rgb(frames, convert)).permute(0, 3, 1, 2)
        x = x if channels_last else x.contiguous()
        x = F.to_dtype(x, dtype, scale=True)
        x0, y0, x1, y1 = pixel_box(drawn.box, x.shape[-1], x.shape[-2])
        x = F.resized_crop(x, y0, x0, y1 - y0, x1 - x0, [SIZE, SIZE], antialias=True)
        if drawn.flip:
            x = F.horizontal_flip(x)
        for name in COLOUR_ORDERS[drawn.colour_order]:
            if getattr(drawn, name) != NEUTRAL[name]:
                x = getattr(F, f"adjust_{name}")(x, getattr(drawn, name))
        if drawn.grayscale:
            x = F.rgb_to_grayscale(x, num_output_channels=3)
        if drawn.blur_sigma:
            x = F.gaussian_blur(x, [23, 23], [drawn.blur_sigma, drawn.blur_sigma])
        return x

    return run


def make_kornia() -> Run:
    from kornia import color, enhance, filters
    from kornia.geometry.transform import resize

    adjust = {
        "brightness": lambda x, v: (x * v).clamp(0, 1),
        "contrast": enhance.adjust_contrast_with_mean_subtraction,
        "saturation": enhance.adjust_saturation_with_gray_subtraction,
        "hue": lambda x, v: enhance.adjust_hue(x, v * 2 * np.pi),
    }

    convert = FrameConverter(0, False)

    def run(frames: list[av.VideoFrame], drawn: Drawn) -> torch.Tensor:
        x = torch.from_numpy(to_rgb(frames, convert)).permute(0, 3, 1, 2).contiguous().float() / 255
        x0, y0, x1, y1 = pixel_box(drawn.box, x.shape[-1], x.shape[-2])
        x = resize(x[:, :, y0:y1, x0:x1], (SIZE, SIZE))
        if drawn.flip:
            x = x.flip(-1)
        for name in COLOUR_ORDERS[drawn.colour_order]:
            if getattr(drawn, name) != NEUTRAL[name]:
                x = adjust[name](x, getattr(drawn, name))
        if drawn.grayscale:
            x = color.rgb_to_grayscale(x).repeat(1, 3, 1, 1)
        if drawn.blur_sigma:
            x = filters.gaussian_blur2d(x, (23, 23), (drawn.blur_sigma, drawn.blur_sigma))
        return x

    return run


def cpu_ms(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return 1e3 * (time.process_time() - start)


def interleaved(contenders: dict[str, Run], frames: list[av.VideoFrame], draws: list[Drawn]) -> dict[str, np.ndarray]:
    """CPU milliseconds per frame: (draws,) for each contender."""
    rng = np.random.default_rng(1)
    for run in contenders.values():
        run(frames[:2], draws[0])
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for drawn in draws:
        for name in rng.permutation(list(contenders)):
            found[name].append(cpu_ms(lambda: contenders[name](frames, drawn)) / len(frames))  # noqa: B023
    return {name: np.array(values) for name, values in found.items()}


def row(contender: str, setting: str, values: np.ndarray, unit: str) -> dict:
    low, high = np.percentile(values, [25, 75])
    return {
        "contender": contender,
        "setting": setting,
        "median": round(float(np.median(values)), 4),
        "mean": round(float(np.mean(values)), 4),
        "spread": [round(float(low), 4), round(float(high), 4)],
        "repetitions": len(values),
        "unit": unit,
    }


def whole_recipe(contenders: dict[str, Run], num_frames: int, num_draws: int) -> tuple[list[dict], dict[str, float]]:
    transform, rng = CarlViews(size=SIZE), np.random.default_rng(2)
    draws = [transform.draw(0, WIDTH, HEIGHT, rng) for _ in range(num_draws)]
    times = interleaved(contenders, source_frames(num_frames), draws)
    rows = [row(name, f"carl_T{num_frames}", values, "CPU ms per frame") for name, values in times.items()]
    # frames per CPU-second over all draws: total frames / total time, so that rare expensive draws count as they cost
    rate = {name: 1e3 / values.mean() for name, values in times.items()}
    rows += [
        {"contender": name, "setting": f"carl_T{num_frames}_rate", "median": round(value, 1), "unit": "frames/CPU-s"}
        for name, value in rate.items()
    ]
    peers = {name: value for name, value in rate.items() if name not in ("exact", "fast")}
    best = max(peers, key=lambda name: peers[name])
    ratios = {
        f"{ours}_over_{name}_T{num_frames}": rate[ours] / rate[name] for ours in ("exact", "fast") for name in peers
    }
    ratios |= {f"{ours}_over_best_peer_T{num_frames}": rate[ours] / rate[best] for ours in ("exact", "fast")}
    return rows, ratios


def per_operation(contenders: dict[str, Run], repetitions: int) -> list[dict]:
    """The crop from 640 x 360; the others on frames of 224 x 224, beyond what doing nothing costs there."""
    crop = Drawn(box=(80 / WIDTH, 0.0, 560 / WIDTH, 1.0))
    settings = {
        "flip": Drawn(flip=True),
        "brightness": Drawn(brightness=1.3),
        "contrast": Drawn(contrast=1.3),
        "saturation": Drawn(saturation=1.3),
        "hue": Drawn(hue=0.1),
        "all four": Drawn(brightness=1.3, contrast=1.3, saturation=1.3, hue=0.1),
        "grayscale": Drawn(grayscale=True),
        "blur sigma 0.5": Drawn(blur_sigma=0.5),
        "blur sigma 1": Drawn(blur_sigma=1.0),
        "blur sigma 2": Drawn(blur_sigma=2.0),
    }
    times = interleaved(contenders, source_frames(16), [crop] * repetitions)
    rows = [row(name, "operation: RGB and crop", values, "CPU ms per frame") for name, values in times.items()]
    small = [frame.reformat(SIZE, SIZE) for frame in source_frames(16)]
    nothing = interleaved(contenders, small, [Drawn()] * repetitions)
    for operation, drawn in settings.items():
        for name, values in interleaved(contenders, small, [drawn] * repetitions).items():
            rows.append(row(name, f"operation: {operation}", values - np.median(nothing[name]), "CPU ms per frame"))
    return rows


def difference(num_draws: int) -> dict[str, float]:
    """Levels of 255 between our uint8 results and torchvision's float result, over random draws."""
    transform, rng = CarlViews(size=SIZE), np.random.default_rng(3)
    reference, frames = make_torchvision(torch.float32, False), source_frames(3)
    gaps: dict[str, list[np.ndarray]] = {"exact": [], "fast": [], "fast without hue": [], "torchvision uint8": []}
    peers = {
        "exact": make_ours("exact"),
        "fast": make_ours("fast"),
        "torchvision uint8": make_torchvision(torch.uint8, False),
    }
    for _ in range(num_draws):
        drawn = transform.draw(0, WIDTH, HEIGHT, rng)
        for name in gaps:
            used = drawn._replace(hue=0.0) if name == "fast without hue" else drawn
            expected = 255 * np.asarray(reference(frames, used)).transpose(0, 2, 3, 1)
            found = np.asarray(peers[name.split(" without")[0]](frames, used)).astype(np.float32)
            found = found.transpose(0, 2, 3, 1) if name.startswith("torchvision") else found
            gaps[name].append(np.abs(found - expected).ravel())
    out = {}
    for name, values in gaps.items():
        out[f"{name}: max difference"] = round(float(max(v.max() for v in values)), 3)
        out[f"{name}: mean difference"] = round(float(np.mean([v.mean() for v in values])), 3)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few draws: seconds instead of minutes")
    parser.add_argument("--json", help="file for the rows and the headline ratios")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()  # as the loader does; it helps every contender
    contenders = {
        "torchvision uint8": make_torchvision(torch.uint8, False),
        "torchvision uint8 channels-last": make_torchvision(torch.uint8, True),
        "torchvision float32": make_torchvision(torch.float32, False),
        "exact": make_ours("exact"),
        "fast": make_ours("fast"),
    }
    try:
        contenders["kornia float32"] = make_kornia()
    except ImportError as error:
        print(f"kornia: not run ({error})")
    rows, headline = [], {}
    for num_frames, num_draws in ((16, 5 if arguments.quick else 24), (80, 2 if arguments.quick else 9)):
        found, ratios = whole_recipe(contenders, num_frames, num_draws)
        rows += found
        headline |= {name: round(value, 2) for name, value in ratios.items()}
    rows += per_operation(contenders, 3 if arguments.quick else 7)
    headline |= difference(3 if arguments.quick else 40)
    for found in rows:
        print(f"{found['setting']:28} {found['contender']:34} {found['median']:10.3f} {found['unit']}")
    for name, value in headline.items():
        print(f"{name:60} {value}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"rows": rows, "headline": headline}, file, indent=1)


if __name__ == "__main__":
    main()
