# ruff: noqa: E501
"""How much CPU does it take to get the frames one wants? Ours against the other readers, on the same files and indices.

    python benchmarks/decode.py [--quick] [--json FILE] [--repetitions 9]

CPU milliseconds of all threads (``process_time``), contenders interleaved in random order, medians. Every request opens
the file, reads, and closes. "cold": the index is built inside the request. "warm": ours from its cache, torchcodec with
custom frame mappings; the others keep no index, so their rows are the same. Patterns: (a) 16 frames, stride 2, at a random
time; (b) two such clips; (c) 80 frames spread over the video; (d) the whole video; (e) as (a), of a 10-minute file;
"to 128": as (a) and (c), resized to 128 x 128 in the reader where it can. A contender whose frames differ from a plain
sequential decode is marked wrong. The videos are made on the spot (test pattern with noise, H.264, B-frames).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import PictureType

from mvssl.video import open_video
from mvssl.video.cache import cache_folder

cv2.setNumThreads(1)
Read = Callable[[str, np.ndarray, "tuple[int, int] | None"], np.ndarray]


def make(path: Path, width: int, height: int, gop: int, count: int = 300, repeat: int = 1) -> Path:
    """H.264 with B-frames; ``repeat`` plays the same packets again and again."""
    graph = av.filter.Graph()
    nodes = [
        graph.add("testsrc2", f"size={width}x{height}:rate=25"),
        graph.add("noise", "alls=12:allf=t:all_seed=1"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    for before, after in zip(nodes, nodes[1:]):
        before.link_to(after)
    graph.configure()
    with av.open(str(path), "w") as out:
        options = {"crf": "26", "preset": "fast", "x264-params": f"keyint={gop}:scenecut=0"}
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        packets = []
        for number in range(count):
            frame = graph.pull()
            frame.pts, frame.time_base = number, Fraction(1, 25)
            frame.pict_type = PictureType.NONE  # a source's frames ask for key frames, all of them
            packets += stream.encode(frame)
        packets += stream.encode()
        if sum(p.is_keyframe for p in packets) != -(-count // gop):
            raise RuntimeError(f"{path}: not a key frame every {gop} frames")
        stamps = [(p.pts, p.dts, bytes(p), p.is_keyframe, p.time_base) for p in packets]
        for lap in range(repeat):
            for pts, dts, data, key, base in stamps:
                packet = av.Packet(data)
                shift = round(lap * count / 25 / base)
                packet.pts, packet.dts, packet.time_base, packet.is_keyframe = pts + shift, dts + shift, base, key
                packet.stream = stream
                out.mux(packet)
    return path


def ours(path: str, numbers: np.ndarray, size) -> np.ndarray:
    with open_video(path) as video:
        return video.frames_at(video.times_s[numbers], size=size).transpose(0, 2, 3, 1)


def ours_cold(path: str, numbers: np.ndarray, size) -> np.ndarray:
    for entry in cache_folder().glob("*.idx"):
        entry.unlink()
    return ours(path, numbers, size)


def torchcodec_reader(mappings: dict[str, bytes] | None) -> Read:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    def read(path: str, numbers: np.ndarray, size) -> np.ndarray:
        how = {"seek_mode": "exact"} if mappings is None else {"custom_frame_mappings": mappings[path]}
        transforms = None if size is None else [Resize(size)]
        decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1, transforms=transforms, **how)
        return decoder.get_frames_at(numbers.tolist()).data.numpy()

    return read


def decord_read(path: str, numbers: np.ndarray, size) -> np.ndarray:
    import decord

    height, width = size or (-1, -1)
    reader = decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1, width=width, height=height)
    return reader.get_batch(numbers.tolist()).asnumpy()


def opencv_read(path: str, numbers: np.ndarray, size) -> np.ndarray:
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted, found = set(numbers.tolist()), {}
    at = int(numbers.min())
    if at > 0:
        capture.set(cv2.CAP_PROP_POS_FRAMES, at)
    last = int(numbers.max())
    while at <= last and capture.grab():
        if at in wanted:
            picture = cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
            found[at] = picture if size is None else cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
        at += 1
    capture.release()
    return np.stack([found[n] for n in numbers.tolist()])


def pyav_read(path: str, numbers: np.ndarray, size) -> np.ndarray:
    """The code that most people write: seek to the first time, decode until the last, keep those wanted."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        step = round(1 / (stream.average_rate * stream.time_base))
        first = stream.start_time or 0
        wanted, found = {first + int(n) * step: int(n) for n in numbers}, {}
        container.seek(min(wanted), stream=stream)
        for frame in container.decode(stream):
            if frame.pts in wanted:
                picture = frame.to_ndarray(format="rgb24")
                found[wanted[frame.pts]] = (
                    picture if size is None else cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
                )
            if frame.pts >= max(wanted):
                break
    return np.stack([found[n] for n in numbers.tolist()])


def pytorchvideo_read(path: str, numbers: np.ndarray, size) -> np.ndarray:
    from pytorchvideo.data.encoded_video import EncodedVideo

    video = EncodedVideo.from_path(path, decode_audio=False)
    first, last = int(numbers.min()), int(numbers.max())
    clip = video.get_clip(first / 25, (last + 0.5) / 25)["video"]
    video.close()
    pictures = clip[:, np.minimum(numbers - first, clip.shape[1] - 1)].permute(1, 2, 3, 0).numpy().astype(np.uint8)
    return (
        pictures
        if size is None
        else np.stack([cv2.resize(p, size[::-1], interpolation=cv2.INTER_AREA) for p in pictures])
    )


def contenders(mappings: dict[str, bytes]) -> dict[str, dict[str, Read]]:
    """Temperature -> name -> reader; libraries that are not here are left out, and said so."""
    cold: dict[str, Read] = {"mvssl": ours_cold, "pyav": pyav_read, "opencv": opencv_read}
    warm: dict[str, Read] = {"mvssl": ours}
    try:
        cold["torchcodec"], warm["torchcodec"] = torchcodec_reader(None), torchcodec_reader(mappings)
    except (ImportError, RuntimeError) as error:
        print(f"torchcodec: not run ({str(error).splitlines()[0]})", file=sys.stderr)
    for name, read in (("decord", decord_read), ("pytorchvideo", pytorchvideo_read)):
        try:
            __import__(name)
            cold[name] = read
        except ImportError as error:
            print(f"{name}: not run ({error})", file=sys.stderr)
    return {"cold": cold, "warm": warm}


def mapping_of(path: str) -> bytes:
    with open_video(path) as video:
        index = video.index
        ends = np.append(index.shown_pts[1:], index.end_pts)
        frames = [
            {"pts": int(pts), "duration": int(end - pts), "key_frame": int(index.key[packet])}
            for pts, end, packet in zip(index.shown_pts, ends, index.shown)
        ]
    return json.dumps({"frames": frames}).encode()


def pattern(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    def clip() -> np.ndarray:
        return rng.integers(0, count - 31) + np.arange(0, 32, 2)

    if kind in ("a", "e"):
        return clip()
    if kind == "b":
        return np.concatenate([clip(), clip()])
    if kind == "c":
        return np.linspace(0, count - 1, 80).round().astype(int)
    return np.arange(count)


def measure(
    path: str, kind: str, count: int, size, readers: dict[str, Read], repetitions: int, seed: int, truth: bool
) -> dict[str, dict]:
    rng = np.random.default_rng(seed)
    times: dict[str, list[float]] = {name: [] for name in readers}
    right = dict.fromkeys(readers, True)
    for repetition in range(repetitions + 1):
        numbers = pattern(kind, count, rng)
        expected = pyav_sequential(path, numbers) if truth and repetition == 0 and size is None else None
        for name in rng.permutation(list(readers)).tolist():
            start = time.process_time()
            frames = readers[name](path, numbers, size)
            spent = (time.process_time() - start) * 1e3
            if repetition:  # the first round warms up, and is checked
                times[name].append(spent)
            elif expected is not None:
                right[name] = bool(np.array_equal(frames, expected))
    return {name: {"times": values, "right": right[name]} for name, values in times.items()}


def pyav_sequential(path: str, numbers: np.ndarray) -> np.ndarray:
    wanted, found = set(numbers.tolist()), {}
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found[number] = frame.to_ndarray(format="rgb24")
    return np.stack([found[n] for n in numbers.tolist()])


def limit(path: str) -> float:
    """CPU ms per frame of FFmpeg's decoder alone (PyAV, one thread, no conversion)."""

    def once() -> float:
        start = time.process_time()
        with av.open(path) as container:
            container.streams.video[0].codec_context.thread_count = 1
            count = sum(1 for _ in container.decode(video=0))
        return (time.process_time() - start) * 1e3 / count

    return statistics.median(once() for _ in range(5))


def run(quick: bool, repetitions: int, only: str = "", save: Callable[[dict], None] = lambda result: None) -> dict:
    folder = Path(tempfile.mkdtemp(prefix="mvssl-decode-"))
    os.environ["MVSSL_CACHE"] = str(folder / "cache")
    sizes = {"240p": (320, 240), "720p": (1280, 720)}
    laps = 5 if quick else 50
    names = [f"{size} g{gop}" for size in sizes for gop in (30, 250) if not quick or gop == 30]
    jobs: list[tuple] = [(name, name, kind, 300, None) for name in names for kind in "abcd"]
    jobs += [(f"{name} to 128", name, kind, 300, (128, 128)) for name in names for kind in "ac"]
    jobs.append((f"240p g250, {'10 minutes' if laps == 50 else '1 minute'}", "long", "e", 300 * laps, None))
    jobs = [job for job in jobs if only in f"{job[0]}, ({job[2]})"]
    files = {}
    for name in {job[1] for job in jobs}:
        size, gop = ("240p", 250) if name == "long" else (name.split()[0], int(name.split("g")[-1]))
        files[name] = make(folder / f"{name}.mp4", *sizes[size], gop, repeat=laps if name == "long" else 1)
    jobs = [(job[0], str(files[job[1]]), *job[2:]) for job in jobs]
    readers = contenders({path: mapping_of(path) for path in {job[1] for job in jobs}})
    limits = {name: round(limit(str(path)), 3) for name, path in files.items() if name != "long"}
    rows, headline = [], {}
    table = {"repetitions": repetitions, "rows": rows, "headline": headline, "decoder_limit_ms_per_frame": limits}
    for number, (name, path, kind, count, size) in enumerate(jobs):
        if quick and kind == "d" and "720p" in name:
            continue
        pool = {"mvssl cold": readers["cold"]["mvssl"], "mvssl warm": readers["warm"]["mvssl"]}
        pool |= {f"torchcodec {t}": readers[t]["torchcodec"] for t in readers if "torchcodec" in readers[t]}
        others = [n for n in readers["cold"] if n not in ("mvssl", "torchcodec")]
        if "720p" in name and kind in "bcd":
            others.remove("pytorchvideo")  # it holds the whole range as floats: 3 GiB
        pool |= {n: readers["cold"][n] for n in others}
        results = measure(path, kind, count, size, pool, repetitions, number, truth=True)
        setting = f"{name}, ({kind})"
        medians = {}
        for contender, result in results.items():
            values = sorted(result["times"])
            medians[contender] = statistics.median(values) if result["right"] else float("inf")
            rows.append({
                "contender": contender, "setting": setting, "median": round(statistics.median(values), 2), "unit": "CPU ms per request",
                "spread": round(values[int(len(values) * 0.75)] - values[int(len(values) * 0.25)], 2), "repetitions": len(values), "right": result["right"],
            })  # fmt: skip
        for temperature in ("cold", "warm"):
            peers = {c: m for c, m in medians.items() if not c.startswith("mvssl") and not (temperature == "cold" and c == "torchcodec warm") and not (temperature == "warm" and c == "torchcodec cold")}  # fmt: skip
            best = min(peers, key=peers.__getitem__)
            ratio = medians[f"mvssl {temperature}"] / peers[best]
            headline[f"{setting}, {temperature}"] = {"ratio": round(ratio, 3), "fastest peer": best}
            print(f"{setting:38s} {temperature}: mvssl {medians[f'mvssl {temperature}']:8.1f} ms, {best} {peers[best]:8.1f} ms, ratio {ratio:.2f}", flush=True)  # fmt: skip
        save(table)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer files, 3 repetitions, a one-minute long file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--only", default="", help="settings whose name contains this")
    arguments = parser.parse_args()
    repetitions = arguments.repetitions or (3 if arguments.quick else 9)

    def save(result: dict) -> None:
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")

    run(arguments.quick, repetitions, arguments.only, save)


if __name__ == "__main__":
    main()
