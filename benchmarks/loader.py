"""How many samples per CPU-second does a loader make, from opening the file to the stacked views?

    python benchmarks/loader.py [--quick] [--json FILE]

One generated 10-second video (640 x 360, 30 fps, H.264, a key frame every 30 frames). Every contender gets the same drawn
times and parameters for a sample, opens the file, decodes, augments and stacks. Contenders are interleaved in random order;
figures are CPU time of one process with one thread.

- ours: ``ClipDataset`` and ``collate`` with the "fast" or "exact" recipe; the frame index comes from its cache.
- torchcodec: exact seek, frames by index, torchvision v2 on uint8.
- pytorchvideo: ``EncodedVideo.get_clip`` over the time range of each view, as ``LabeledVideoDataset`` does; then torchvision.
- per frame: the whole video decoded and cast to float, then jitter and blur frame by frame through PIL, as CARL's code does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import torchvision.transforms.functional as pil_functional
import torchvision.transforms.v2.functional as F
from PIL import ImageFilter
from torch import Tensor

from mvssl.loading import ClipDataset
from mvssl.loading.collate import collate
from mvssl.loading.loader import keep_freed_memory
from mvssl.sampling import CarlSampler, CvrlSampler, Ticket, UniformSampler, sessions
from mvssl.types import ClipRequest, Video
from mvssl.video import open_video, write_video
from mvssl.views import Augment, Drawn, EvaluationViews
from mvssl.views.carl import CarlViews
from mvssl.views.cvrl import CvrlViews
from mvssl.views.parameters import COLOUR_ORDERS

WIDTH, HEIGHT, FPS, NUM = 640, 360, 30.0, 300
NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
Plan = dict[str, tuple[ClipRequest, Drawn]]
Run = Callable[[Ticket], object]


def make_video(path: Path) -> Video:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    waves = rng.uniform(0.01, 0.08, (3, 2))
    noise = rng.normal(0, 3, (4, HEIGHT, WIDTH, 1)).astype(np.float32)

    def frames():
        for i in range(NUM):
            colours = [128 + 90 * np.sin(a * x + b * y + 0.2 * i) for a, b in waves]
            yield np.clip(np.stack(colours, -1) + noise[i % 4], 0, 255).astype(np.uint8)

    write_video(path, frames(), fps=FPS, gop=30, crf=23)
    with open_video(Video("v", str(path))) as decoder:
        return decoder.video


def plan(dataset: ClipDataset, ticket: Ticket) -> Plan:
    """What the dataset draws for a ticket, for the others to do the same."""
    shown = dataset.plan(dataset.sessions[ticket.sample], ticket.seed)
    return {name: (view.request, view.drawn) for name, view in shown.items()}


def augment(x: Tensor, drawn: Drawn, size: int) -> Tensor:
    """torchvision v2 on (T, 3, H, W)."""
    x0, y0, x1, y1 = (round(v * n) for v, n in zip(drawn.box, (WIDTH, HEIGHT) * 2))
    x = F.resized_crop(x, y0, x0, y1 - y0, x1 - x0, [size, size], antialias=True)
    if drawn.flip:
        x = F.horizontal_flip(x)
    for name in COLOUR_ORDERS[drawn.colour_order]:
        if getattr(drawn, name) != NEUTRAL[name]:
            x = getattr(F, f"adjust_{name}")(x, getattr(drawn, name))
    if drawn.grayscale:
        x = F.rgb_to_grayscale(x, num_output_channels=3)
    if drawn.blur_sigma:
        taps = 2 * (size // 20) + 1
        x = F.gaussian_blur(x, [taps, taps], [drawn.blur_sigma, drawn.blur_sigma])
    return F.solarize(x, 128 if x.dtype == torch.uint8 else 0.5) if drawn.solarise else x


def frame_numbers(request: ClipRequest) -> np.ndarray:
    return np.floor(request.time_s * FPS + 1e-6).astype(int)


def ours(dataset: ClipDataset) -> Run:
    def run(ticket: Ticket) -> object:
        batch = collate([dataset[ticket]])
        dataset.close()
        return batch

    return run


def with_torchcodec(dataset: ClipDataset, video: Video) -> Run:
    from torchcodec.decoders import VideoDecoder

    def run(ticket: Ticket) -> object:
        decoder = VideoDecoder(video.path, seek_mode="exact", num_ffmpeg_threads=1)
        views = plan(dataset, ticket)
        numbers = np.concatenate([frame_numbers(request) for request, _ in views.values()])
        frames = decoder.get_frames_at(numbers.tolist()).data.split([len(r.time_s) for r, _ in views.values()])
        size = dataset.transform.size
        return [augment(part, drawn, size) for part, (_, drawn) in zip(frames, views.values())]

    return run


def with_pytorchvideo(dataset: ClipDataset, video: Video) -> Run:
    from pytorchvideo.data.encoded_video import EncodedVideo

    def run(ticket: Ticket) -> object:
        encoded, made = EncodedVideo.from_path(video.path, decode_audio=False), []
        for request, drawn in plan(dataset, ticket).values():
            numbers = frame_numbers(request)
            first = numbers.min()
            clip = encoded.get_clip(first / FPS - 1e-3, (numbers.max() + 1) / FPS - 1e-3)["video"]  # (3, n, H, W) float
            x = clip[:, torch.from_numpy(numbers - first).clamp(max=clip.shape[1] - 1)].transpose(0, 1) / 255
            made.append(augment(x, drawn, dataset.transform.size))
        encoded.close()
        return made

    return run


def per_frame(dataset: ClipDataset, video: Video) -> Run:
    def run(ticket: Ticket) -> object:
        with av.open(video.path) as container:
            container.streams.video[0].thread_count = 1
            whole = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        floats = torch.from_numpy(whole).permute(0, 3, 1, 2).float() / 255
        size, made = dataset.transform.size, []
        for request, drawn in plan(dataset, ticket).values():
            x0, y0, x1, y1 = (round(v * n) for v, n in zip(drawn.box, (WIDTH, HEIGHT) * 2))
            x = floats[torch.from_numpy(frame_numbers(request))][:, :, y0:y1, x0:x1]
            x = torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear")
            x = x.flip(-1) if drawn.flip else x
            made.append(torch.stack([_through_pil(picture, drawn) for picture in x]))
        return made

    return run


def _through_pil(picture: Tensor, drawn: Drawn) -> Tensor:
    changed = any(getattr(drawn, name) != NEUTRAL[name] for name in NEUTRAL)
    if not (changed or drawn.grayscale or drawn.blur_sigma or drawn.solarise):
        return picture
    image = pil_functional.to_pil_image(picture)
    for name in COLOUR_ORDERS[drawn.colour_order]:
        if getattr(drawn, name) != NEUTRAL[name]:
            image = getattr(pil_functional, f"adjust_{name}")(image, getattr(drawn, name))
    if drawn.grayscale:
        image = pil_functional.to_grayscale(image, num_output_channels=3)
    if drawn.blur_sigma:
        image = image.filter(ImageFilter.GaussianBlur(drawn.blur_sigma))
    if drawn.solarise:
        image = pil_functional.solarize(image, 128)
    return pil_functional.to_tensor(image)


def measure(contenders: dict[str, Run], repetitions: int, ours_extra: int) -> dict[str, np.ndarray]:
    """CPU seconds per sample, (repetitions,) each, the same tickets for all."""
    rng = np.random.default_rng(1)
    for run in contenders.values():
        run(Ticket(0, (0, 0, 99)))
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(repetitions):
        for name in rng.permutation(list(contenders)):
            values = []
            for _ in range(ours_extra if name.startswith("ours") else 1):
                start = time.process_time()
                contenders[name](Ticket(0, (0, 0, repetition)))
                values.append(time.process_time() - start)
            found[name].append(float(np.median(values)))
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repetitions: a minute instead of many")
    parser.add_argument("--json", help="file for the rows and the headline ratios")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    keep_freed_memory()
    settings = {
        "CARL T=80, two views, 224": (CarlSampler(num_frames=80), CarlViews, 224),
        "CVRL 2 x 16 stride 2, 224": (CvrlSampler(num_frames=16), CvrlViews, 224),
        "CARL T=32, two views, 112": (CarlSampler(num_frames=32), CarlViews, 112),
        "uniform T=32, no augmentation, 224": (UniformSampler(num_frames=32), EvaluationViews, 224),
    }
    rows, headline, notes = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        video = make_video(Path(folder) / "v.mp4")
        for setting, (sampler, views, size) in settings.items():
            augmented = issubclass(views, Augment)
            datasets = {
                f"ours {recipe}": ClipDataset(
                    sessions([video]),
                    sampler=sampler,
                    transform=views(size=size, recipe=recipe) if augmented else views(size=size),
                )
                for recipe in (("fast", "exact") if augmented else ("fast",))
            }
            contenders: dict[str, Run] = {name: ours(dataset) for name, dataset in datasets.items()}
            for name, make in (
                ("torchcodec + torchvision v2", with_torchcodec),
                ("pytorchvideo + torchvision v2", with_pytorchvideo),
                ("per frame through PIL", per_frame),
            ):
                try:
                    contenders[name] = make(datasets["ours fast"], video)
                except (ImportError, RuntimeError) as error:
                    notes[name] = f"not run: {str(error).splitlines()[0]}"
            times = measure(contenders, 2 if arguments.quick else 9, 3)
            for name, values in times.items():
                low, high = np.percentile(1 / values, [25, 75])
                rows.append(
                    {
                        "contender": name,
                        "setting": setting,
                        "median": round(float(np.median(1 / values)), 3),
                        "spread": [round(float(low), 3), round(float(high), 3)],
                        "repetitions": len(values),
                        "unit": "samples/CPU-s",
                    }
                )
                print(f"{setting:36} {name:32} {rows[-1]['median']:9.3f} samples/CPU-s")
            for recipe in datasets:
                for name, values in times.items():
                    if not name.startswith("ours"):
                        headline[f"{recipe} over {name}: {setting}"] = round(
                            float(np.median(values / times[recipe])), 2
                        )
    for name, value in headline.items():
        print(f"{name:100} {value}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"rows": rows, "headline": headline, "notes": notes}, file, indent=1)


if __name__ == "__main__":
    main()
