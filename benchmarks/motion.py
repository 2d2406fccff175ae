"""Optical flow against the file's own motion vectors: how fast, and how near to the true motion?

    python benchmarks/motion.py [--quick] [--json FILE]

Speed: pairs of gray pictures per CPU-second for each preset of DIS alone; and, from the open file, frames per CPU-second of
the motion vectors and of DIS between neighbouring frames. Truth: generated videos (320 x 240, 30 fps, H.264) whose motion is
known everywhere: a textured picture that pans, a textured square that moves over a still texture, and a faint square
over a flat, noisy ground, strongly compressed. The mean end-point error is given as a part of the
speed, away from the border (and within the square); 1.0 is what a field of zeros scores. Frames that carry no vectors
(key frames) are left out for both and counted. CPU time of one process with one thread, interleaved, medians.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from mvssl.types import ClipRequest
from mvssl.video import open_video, write_video
from mvssl.views import Drawn, EvaluationViews
from mvssl.views.modalities.flow import FlowModality, velocity

WIDTH, HEIGHT, FPS, NUM = 320, 240, 30.0, 60
PRESETS = ("ultrafast", "fast", "medium")


def texture(rng: np.random.Generator, height: int, width: int, sigma: float) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), sigma)
    return np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)


def scene(kind: str, step: tuple[int, int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames, and for each the mask (H, W) of the pixels that move by ``step`` pixels a frame."""
    rng = np.random.default_rng(0)
    dx, dy = step
    frames, moving = [], []
    if kind == "pan":
        big = texture(rng, HEIGHT + NUM * abs(dy), WIDTH + NUM * abs(dx), 2.0)
        inside = np.zeros((HEIGHT, WIDTH), bool)
        inside[24:-24, 24:-24] = True
        for i in range(NUM):
            y, x = (NUM - 1 - i) * dy, (NUM - 1 - i) * dx
            frames.append(big[y : y + HEIGHT, x : x + WIDTH])
            moving.append(inside)
        return frames, moving
    ground, square = texture(rng, HEIGHT, WIDTH, 2.0), texture(rng, 96, 96, 2.0)
    if kind == "faint square":
        ground[:] = 128
        square = (128 + (texture(rng, 96, 96, 8.0).astype(np.float32) - 128) / 5).astype(np.uint8)
    for i in range(NUM):
        y, x = 10 + i * dy, 10 + i * dx
        frame, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), bool)
        frame[y : y + 96, x : x + 96] = square
        mask[y + 12 : y + 84, x + 12 : x + 84] = True
        if kind == "faint square":
            frame = np.clip(frame + rng.normal(0, 5, frame.shape), 0, 255).astype(np.uint8)
        frames.append(frame)
        moving.append(mask)
    return frames, moving


def errors(kind: str, step: tuple[int, int], folder: str) -> list[dict]:
    frames, moving = scene(kind, step)
    path = Path(folder) / f"{kind}.mp4"
    write_video(path, frames, fps=FPS, gop=30, crf=32 if kind == "faint square" else 23)
    truth = np.array(step, np.float32)[:, None, None] * FPS
    with open_video(path) as decoder:
        times_s = decoder.times_s[:-1]
        vectors = decoder.motion_vectors_at(times_s, size=(HEIGHT, WIDTH))
        pictures = decoder.frames_at(decoder.times_s).transpose(0, 2, 3, 1)
    gray = np.stack([cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in pictures])
    carries = vectors.any(axis=(1, 2, 3))
    speed = float(np.hypot(*step) * FPS)
    found = {"motion": vectors} | {
        f"DIS {preset}": velocity(gray[:-1], gray[1:], np.diff(decoder.times_s), preset=preset)  # type: ignore[arg-type]
        for preset in PRESETS
    }
    rows = []
    for name, field in found.items():
        gaps = [np.hypot(*(field[t] - truth))[moving[t]].mean() / speed for t in np.flatnonzero(carries)]
        rows.append(
            row(name, f"end-point error / speed: {kind}, {speed:.0f} px/s", np.array(gaps), "part of the speed")
            | {"frames_without_vectors": int((~carries).sum())}
        )
    return rows


def row(contender: str, setting: str, values: np.ndarray, unit: str) -> dict:
    low, high = np.percentile(values, [25, 75])
    return {
        "contender": contender,
        "setting": setting,
        "median": round(float(np.median(values)), 4),
        "spread": [round(float(low), 4), round(float(high), 4)],
        "repetitions": len(values),
        "unit": unit,
    }


def speeds(size: int, folder: str, repetitions: int) -> list[dict]:
    rng, path = np.random.default_rng(1), Path(folder) / "speed.mp4"
    write_video(path, scene("square", (2, 1))[0], fps=FPS, gop=30, crf=23)
    with open_video(path) as decoder:
        pictures = decoder.frames_at(decoder.times_s[:9], size=(size, size)).transpose(0, 2, 3, 1)
        gray = np.stack([cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in pictures])
        whole = decoder.times_s
        request = ClipRequest("v", whole, size=(size, size), planes=("motion",))

        def flow(preset: str) -> float:
            start = time.process_time()
            velocity(gray[:-1], gray[1:], np.full(8, 0.1), preset=preset)  # type: ignore[arg-type]
            return 8 / (time.process_time() - start)

        def from_file(name: str) -> float:
            start = time.process_time()
            if name in planes:
                decoder.read([request._replace(planes=planes[name])])
            else:
                modality = FlowModality(delta_s=1 / FPS)
                evaluation = EvaluationViews(size=size, fit="squash")
                wanted = modality.request(ClipRequest("v", whole[:-1]), evaluation, Drawn())
                modality.pack(decoder.read([wanted])[0], evaluation, Drawn())
            return (len(whole) - 1) / (time.process_time() - start)

        planes = {
            "motion from the file": ("motion",),
            "pictures from the file": ("rgb",),
            "pictures and motion from the file": ("rgb", "motion"),
        }
        names = {f"DIS {preset} alone": preset for preset in PRESETS}
        times: dict[str, list[float]] = {name: [] for name in (*names, *planes, "DIS fast from the file")}
        for repetition in range(repetitions + 1):
            for name in rng.permutation(list(times)):
                value = flow(names[name]) if name in names else from_file(name)
                if repetition:  # the first one warms up
                    times[name].append(value)
    return [row(name, f"speed at {size} x {size}", np.array(v), "pairs/CPU-s") for name, v in times.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--json", help="file for the rows and the headline ratios")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (112, 224):
            rows += speeds(size, folder, 3 if arguments.quick else 15)
        for kind, step in (("pan", (2, 1)), ("pan", (6, 3)), ("square", (2, 1)), ("faint square", (2, 1))):
            rows += errors(kind, step, folder)
    for found in rows:
        print(f"{found['setting']:48} {found['contender']:30} {found['median']:10.3f} {found['unit']}")
    if arguments.json:
        at = {(found["contender"], found["setting"]): found["median"] for found in rows}
        fast, motion, alone, both = (
            at[f"{name} from the file", "speed at 224 x 224"]
            for name in ("DIS fast", "motion", "pictures", "pictures and motion")
        )
        with open(arguments.json, "w") as file:
            json.dump(
                {
                    "rows": rows,
                    "headline": {
                        "motion over DIS fast, from the file, 224": round(motion / fast, 2),
                        "pictures alone over pictures and motion, 224": round(alone / both, 2),
                    },
                },
                file,
                indent=1,
            )


if __name__ == "__main__":
    main()
