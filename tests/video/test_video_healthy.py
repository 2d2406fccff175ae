"""Healthy files are never refused: cut, remuxed, re-encoded, fragmented, edited, of variable rate, as common tools write them.

The right pictures and times are those of the ffmpeg and ffprobe commands.
"""

import itertools
import shutil
import subprocess
import warnings

import numpy as np
import pytest

from mvssl.video import open_video, scan

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")

SOURCES = {
    "b3": ("libx264", {"crf": "16", "preset": "veryfast"}, {"bframes": 3, "gop": 12}),
    "b0": ("libx264", {"crf": "16", "preset": "veryfast"}, {"bframes": 0, "gop": 20}),
    "long": ("libx264", {"crf": "16", "preset": "veryfast", "sc_threshold": "0"}, {"bframes": 2, "gop": 250}),
    "open": (
        "libx264",
        {"crf": "16", "preset": "veryfast", "x264-params": "open-gop=1:b-adapt=0"},
        {"bframes": 3, "gop": 12},
    ),
    "mpeg4": ("mpeg4", {"b": "3M"}, {"bframes": 2, "gop": 12}),
}
CUTS = [("before", a, b) for a in (0.2, 0.5, 0.73, 1.1) for b in (0.3, 0.61, 0.8)] + [
    ("after", a, b) for a in (0.0, 0.45, 0.9) for b in (0.4, 0.77)
]
RATES = ("PTS*1.37", "PTS+0.3*N*N/60/TB/30", "PTS+sin(N/7)/90/TB", "PTS+0.6*mod(N,3)/30/TB", "PTS*(1+N/90)")
EXCLUDED = {("mpeg4", 7)}  # FFmpeg's MPEG-4 encoder refuses times that go back
WRAPS = {  # as these tools lay out their files
    "plain.mp4": [], "faststart.mp4": ["-movflags", "+faststart"], "plain.mov": [], "plain.mkv": [],
    "fragments.mp4": ["-movflags", "frag_keyframe+empty_moov"], "dash.mp4": ["-movflags", "dash+delay_moov+frag_every_frame"],
    "cmaf.mp4": ["-movflags", "cmaf"], "negative.mp4": ["-movflags", "negative_cts_offsets"],
    "noedit.mp4": ["-use_editlist", "0"], "phone.3gp": [], "ipod.m4v": ["-f", "ipod"],
    "clock.mp4": ["-video_track_timescale", "90000"],
    "late.mp4": ["-output_ts_offset", "0.7"], "thousand.mp4": ["-video_track_timescale", "1000"],
    "brand.mov": ["-brand", "qt  ", "-write_tmcd", "0"], "late.mkv": ["-output_ts_offset", "2.5"],
}  # fmt: skip


def run(*arguments):
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


def ffmpeg_says(path):
    """Pictures (N, 3, H, W) and times of the command line tools.

    Of pictures whose times go back (``rate7``) the stated time counts, and not FFmpeg's best effort, which takes decoding times
    of other pictures for some of them: a picture is not on screen before the one that it follows.
    """
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
         "stream=width,height:frame=pts_time",
         "-of", "default=nw=1:nk=1", str(path)], check=True, capture_output=True, text=True,
    )  # fmt: skip
    *times, width, height = probe.stdout.split()
    times = np.maximum.accumulate(np.array(times, dtype=np.float64))
    raw = subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", str(path), "-map", "0:v:0", "-vsync", "passthrough", "-f", "rawvideo",
         "-pix_fmt", "rgb24", "-"], check=True, capture_output=True,
    )  # fmt: skip
    pictures = np.frombuffer(raw.stdout, np.uint8).reshape(-1, int(height), int(width), 3)
    return pictures.transpose(0, 3, 1, 2), times


def make(name, folder, encode_as):
    """(name, path) of every variant of one source."""
    codec, options, about = SOURCES[name]
    source = encode_as(folder / f"{name}.mp4", codec, count=60, options=options, **about)
    for wrap, extra in WRAPS.items():
        run("-i", source, "-c", "copy", *extra, folder / f"{name}_{wrap}")
        yield folder / f"{name}_{wrap}"
    for (how, start, length), suffix in itertools.product(CUTS, (".mp4", ".mov")):
        path = folder / f"{name}_{how}_{start}_{length}{suffix}"
        place = (
            ["-ss", start, "-t", length, "-i", source]
            if how == "before"
            else ["-ss", start, "-i", source, "-t", length]
        )
        run(*place, "-c", "copy", path)
        yield path
    for number, (rate, sync) in enumerate(itertools.product(RATES, ("vfr", "passthrough"))):
        if (name, number) in EXCLUDED:
            continue
        path = folder / f"{name}_rate{number}.mp4"
        clock = ["-enc_time_base", "1/30000"] if sync == "passthrough" else []
        run(
            "-i",
            source,
            "-vf",
            f"setpts='{rate}'",
            "-vsync",
            sync,
            *clock,
            "-c:v",
            codec,
            "-bf",
            about["bframes"],
            path,
        )
        yield path
    for start in (0.3, 0.9, 1.2):  # cut again, and wrapped again
        once, path = folder / "once.mkv", folder / f"{name}_twice_{start}.mp4"
        run("-ss", start, "-i", source, "-c", "copy", once)
        run("-i", once, "-c", "copy", path)
        yield path


def judge(path):
    """What is wrong with how a healthy file is read; empty where nothing is."""
    pictures, times_s = ffmpeg_says(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_video(path) as video:
            ours = video.times_s
            if len(ours) != len(pictures):
                return f"{len(ours)} frames, ffmpeg {len(pictures)}"
            if np.abs(ours - times_s[: len(ours)]).max() > 1e-3 + video.index.tick_s:
                return f"times differ by up to {np.abs(ours - times_s).max():.4f} s"
            different = (video.frames_at(ours) != pictures).reshape(len(ours), -1).mean(1)  # versions differ in no bit
            if different.max() > 0:
                return f"{int((different > 0).sum())} pictures differ, the first is {int(np.argmax(different > 0))}"
    report = scan(path)
    return "; ".join(p.message for p in report.problems if p.kind in ("corrupt", "odd_tables") or p.fatal)


def failures(paths):
    found = {}
    for path in paths:
        try:
            problem = judge(path)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            found[path.name] = problem
    return found


def test_some_healthy_variants(tmp_path, encode_as):
    wanted = ("fragments", "negative", "noedit", "late", "clock")
    paths = list(make_some(tmp_path, encode_as, wanted))
    assert len(paths) >= 10
    assert failures(paths) == {}


def make_some(folder, encode_as, wanted):
    codec, options, about = SOURCES["b3"]
    source = encode_as(folder / "b3.mp4", codec, count=60, options=options, **about)
    for wrap, extra in WRAPS.items():
        if wrap.startswith(wanted):
            run("-i", source, "-c", "copy", *extra, folder / wrap)
            yield folder / wrap
    for start, length in ((0.5, 0.61), (0.73, 0.8), (0.2, 0.3)):
        path = folder / f"cut_{start}.mp4"
        run("-ss", start, "-t", length, "-i", source, "-c", "copy", path)
        yield path
    for number, rate in enumerate(RATES[:3]):
        path = folder / f"rate{number}.mp4"
        run("-i", source, "-vf", f"setpts='{rate}'", "-vsync", "vfr", "-c:v", codec, path)
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_300_healthy_variants(tmp_path, encode_as, name):
    paths = list(make(name, tmp_path, encode_as))
    assert len(paths) == 65 - (name in dict(EXCLUDED))
    found = failures(paths)
    assert not found, f"{len(found)} of {len(paths)}: {found}"
