# ruff: noqa: E501
"""Awkward video files made on the spot, with the number of each frame written into its picture."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

CELL, BITS = 8, 12


class Made(NamedTuple):
    path: Path
    numbers: np.ndarray  # number written into each frame that is to be shown, in order
    times_s: np.ndarray | None  # their times, where the recipe knows them


def picture(number: int, width: int = 112, height: int = 80) -> np.ndarray:
    """RGB (H, W, 3): moving texture, and the number as two rows of dark and bright cells (bit and its opposite)."""
    rng = np.random.default_rng(7)
    texture = rng.integers(60, 196, (height // 4 + 1, width // 4 + 1, 3)).repeat(4, 0).repeat(4, 1)[:height, :width]
    texture = np.roll(texture, (number, 2 * number), (0, 1)).astype(np.uint8)
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    for row, flip in ((0, 0), (1, 1)):
        for bit, value in enumerate(bits):
            texture[row * CELL : (row + 1) * CELL, bit * CELL : (bit + 1) * CELL] = 235 if value ^ flip else 20
    return texture


def number_in(frame: np.ndarray) -> int:
    """The number written into a picture (3, H, W); -1 where it cannot be read (a bit equals its opposite)."""
    grey = frame.astype(float).mean(0)
    middle = slice(2, CELL - 2)
    value = 0
    for bit in range(BITS):
        columns = slice(bit * CELL + 2, (bit + 1) * CELL - 2)
        plain = grey[middle, columns].mean()
        opposite = grey[CELL + 2 : 2 * CELL - 2, columns].mean()
        if abs(plain - opposite) < 80:
            return -1
        value |= int(plain > opposite) << bit
    return value


def numbers_in(frames: np.ndarray) -> np.ndarray:
    return np.array([number_in(frame) for frame in frames])


def encode(
    path: Path,
    codec: str,
    *,
    count: int = 60,
    first: int = 0,
    fps: int = 30,
    size: tuple[int, int] = (112, 80),
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    ticks: list[int] | None = None,
    clock: int | None = None,
    bframes: int | None = None,
    gop: int = 12,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    before: Callable | None = None,
) -> Path:
    """``count`` numbered pictures; ``ticks``/``clock`` give each frame's time in ticks of 1/clock seconds."""
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        if before is not None:
            before(out)
        stream = out.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = *size, pix_fmt, 1
        stream.codec_context.gop_size = gop
        if bframes is not None:
            stream.codec_context.max_b_frames = bframes
        base = Fraction(1, clock) if clock else Fraction(1, fps)
        stream.codec_context.time_base = base
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(picture(first + i, *size), format="rgb24")
            frame.pts, frame.time_base = (ticks[i] if ticks else i), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def remux(source: Path, path: Path, *, shift_s: float = 0.0, skip_before_s: float = -1e9, container: str | None = None,
          options: dict[str, str] | None = None) -> Path:  # fmt: skip
    """Copy the packets into another container, from the key frame at or before a time on, with the clock shifted."""
    with av.open(str(source)) as inp, av.open(str(path), "w", format=container, options=options or {}) as out:
        old = inp.streams.video[0]
        new = out.add_stream_from_template(old)
        packets = [p for p in inp.demux(old) if p.size]
        keys = [i for i, p in enumerate(packets) if p.is_keyframe and float(p.pts * p.time_base) <= skip_before_s]
        for packet in packets[keys[-1] if keys else 0 :]:
            packet.pts += round(shift_s / packet.time_base)
            packet.dts += round(shift_s / packet.time_base)
            packet.stream = new
            out.mux(packet)
    return path


def set_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write a display matrix (a, b, c, d as 16.16) into the track header of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    struct.pack_into(
        ">9i", data, at, matrix[0] << 16, matrix[1] << 16, 0, matrix[2] << 16, matrix[3] << 16, 0, 0, 0, 1 << 30
    )
    path.write_bytes(bytes(data))
    return path


X264 = {"crf": "12", "preset": "veryfast"}


def _recipes(folder: Path) -> dict[str, Callable[[], Made]]:
    even = np.arange(60) / 30

    def made(path: Path, times_s=even, numbers=None) -> Made:
        return Made(path, np.arange(60) if numbers is None else numbers, times_s)

    def plain(name: str, codec: str, **kwargs) -> Made:
        return made(encode(folder / name, codec, **kwargs))

    def variable() -> list[int]:
        return np.cumsum(np.random.default_rng(5).integers(1, 5, 60) * 512).tolist()

    def jitter() -> list[int]:
        return (np.arange(60) * 3000 + np.random.default_rng(6).integers(0, 2600, 60)).tolist()

    def base() -> Path:
        path = folder / "h264_bframes.mp4"
        return path if path.exists() else encode(path, "libx264", bframes=2, options=X264)

    def timed(name: str, ticks: list[int], clock: int) -> Made:
        return Made(
            encode(folder / name, "libx264", ticks=ticks, clock=clock, options=X264),
            np.arange(60),
            np.array(ticks) / clock,
        )

    def joined(name: str, second: Path) -> Made:
        first = remux(base(), folder / "part.ts")
        path = folder / name
        path.write_bytes(first.read_bytes() + second.read_bytes())
        return Made(path, np.arange(60), None)

    def cut() -> Made:
        whole = remux(base(), folder / "whole.ts").read_bytes()
        start = len(whole) // 3 // 188 * 188
        path = folder / "cut_mid_gop.ts"
        path.write_bytes(whole[start:])
        return Made(path, np.arange(24, 60), None)

    def two_streams() -> Made:
        path = folder / "two_streams.mkv"
        with av.open(str(path), "w") as out:
            streams = [out.add_stream("libx264", rate=30, options=X264) for _ in range(2)]
            for stream, size in zip(streams, ((112, 80), (160, 96))):
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for i in range(60):
                for offset, stream in zip((0, 500), streams):
                    image = picture(i + offset, stream.width, stream.height)
                    out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            for stream in streams:
                out.mux(stream.encode())
        return made(path)

    hard = {"crf": "28", "preset": "12", "svtav1-params": "lp=1:keyint=12"}
    return {
        "h264_bframes": lambda: made(base()),
        "h264_no_bframes": lambda: plain("h264_no_bframes.mp4", "libx264", bframes=0, options=X264),
        "h264_long_gop": lambda: plain("h264_long_gop.mp4", "libx264", gop=250, bframes=3, options=X264 | {"sc_threshold": "0"}),
        "h264_open_gop": lambda: plain("h264_open_gop.mp4", "libx264", bframes=3, options=X264 | {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}),
        "h264_open_gop_ts": lambda: Made(remux(encode(folder / "og.mp4", "libx264", bframes=3, options=X264 | {"x264-params": "open-gop=1:b-adapt=0"}), folder / "h264_open_gop.ts"), np.arange(60), None),
        "h264_intra_refresh_ts": lambda: Made(remux(encode(folder / "ir.mp4", "libx264", bframes=0, options=X264 | {"x264-params": "intra-refresh=1"}), folder / "h264_intra_refresh.ts"), np.arange(60), None),
        "h264_mkv": lambda: plain("h264.mkv", "libx264", bframes=2, options=X264),
        "h264_flv": lambda: Made(encode(folder / "h264.flv", "libx264", bframes=2, options=X264), np.arange(60), None),
        "h264_avi": lambda: Made(encode(folder / "h264.avi", "libx264", bframes=2, options=X264), np.arange(60), None),
        "h264_fragmented": lambda: Made(encode(folder / "h264_fragmented.mp4", "libx264", bframes=2, options=X264, container_options={"movflags": "frag_keyframe+empty_moov"}), np.arange(60), None),
        "h264_10bit": lambda: plain("h264_10bit.mp4", "libx264", pix_fmt="yuv420p10le", options=X264),
        "h264_444_odd": lambda: plain("h264_444_odd.mp4", "libx264", size=(113, 81), pix_fmt="yuv444p", options=X264),
        "h264_ts": lambda: Made(remux(base(), folder / "h264.ts"), np.arange(60), None),
        "h264_edit_list": lambda: Made(remux(base(), folder / "h264_edit_list.mp4", shift_s=-0.9, skip_before_s=0.9), np.arange(27, 60), np.arange(33) / 30),
        "h264_offset_mkv": lambda: made(remux(base(), folder / "h264_offset.mkv", shift_s=2.0), even + 2.0),
        "h264_variable_rate": lambda: timed("h264_variable_rate.mp4", variable(), 15360),
        "h264_variable_rate_mkv": lambda: timed("h264_variable_rate.mkv", (np.array(variable()) // 512 * 33).tolist(), 1000),
        "h264_jitter": lambda: timed("h264_jitter.mp4", jitter(), 90000),
        "h264_one_frame": lambda: Made(encode(folder / "h264_one_frame.mp4", "libx264", count=1, options=X264), np.arange(1), np.zeros(1)),
        "hevc_open_gop": lambda: plain("hevc_open_gop.mp4", "libx265", options={"crf": "14", "preset": "ultrafast", "x265-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:b-adapt=0:log-level=none:pools=1:frame-threads=1"}),
        "hevc_closed_gop": lambda: plain("hevc_closed_gop.mkv", "libx265", options={"crf": "14", "preset": "ultrafast", "x265-params": "keyint=12:open-gop=0:bframes=2:log-level=none:pools=1:frame-threads=1"}),
        "vp8": lambda: plain("vp8.webm", "libvpx", options={"crf": "10", "b": "2M", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "deadline": "good"}),
        "vp9": lambda: plain("vp9.webm", "libvpx-vp9", options={"crf": "15", "b": "0", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}),
        "vp9_mp4": lambda: plain("vp9.mp4", "libvpx-vp9", options={"crf": "15", "b": "0", "cpu-used": "8"}),
        "av1": lambda: plain("av1.mp4", "libsvtav1", options=hard),
        "av1_mkv": lambda: plain("av1.mkv", "libsvtav1", options=hard),
        "mpeg4_avi": lambda: plain("mpeg4.avi", "mpeg4", bframes=0, options={"qscale": "2", "flags": "+qscale"}),
        "mpeg4_avi_bframes": lambda: plain("mpeg4_bframes.avi", "mpeg4", bframes=2, options={"b": "3M"}),
        "mpeg4_mp4_bframes": lambda: plain("mpeg4_bframes.mp4", "mpeg4", bframes=2, options={"b": "3M"}),
        "mpeg2_ts": lambda: Made(encode(folder / "mpeg2.ts", "mpeg2video", bframes=2, options={"b": "4M"}), np.arange(60), None),
        "mpeg1_ps": lambda: Made(encode(folder / "mpeg1.mpg", "mpeg1video", bframes=2, options={"b": "4M"}), np.arange(60), None),
        "mjpeg_mov": lambda: plain("mjpeg.mov", "mjpeg", pix_fmt="yuvj420p", options={"qscale": "3", "flags": "+qscale"}),
        "wmv": lambda: Made(encode(folder / "wmv2.wmv", "wmv2", container="asf", options={"b": "3M"}), np.arange(60), None),
        "gif": lambda: Made(encode(folder / "film.gif", "gif", fps=25, pix_fmt="rgb8"), np.arange(60), None),
        "mxf": lambda: Made(encode(folder / "mpeg2.mxf", "mpeg2video", fps=25, bframes=2, options={"b": "4M"}), np.arange(60), None),
        "ivf": lambda: Made(encode(folder / "vp8.ivf", "libvpx", options={"crf": "10", "b": "2M", "cpu-used": "8"}), np.arange(60), None),
        "ogg": lambda: Made(encode(folder / "vp8.ogv", "libvpx", container="ogg", options={"b": "2M", "cpu-used": "8"}), np.arange(60), None),
        "rotated_90": lambda: made(set_matrix(encode(folder / "rotated_90.mp4", "libx264", bframes=2, options=X264), (0, 1, -1, 0))),
        "two_streams": two_streams,
        # to be refused, or to be told the truth about
        "joined_ts": lambda: joined("joined.ts", remux(base(), folder / "again.ts")),
        "joined_new_size_ts": lambda: joined("joined_new_size.ts", remux(encode(folder / "big.mp4", "libx264", size=(160, 96), options=X264), folder / "big.ts", shift_s=4.0)),
        "cut_mid_gop_ts": cut,
    }  # fmt: skip


# every kind of file here shows the frames it was made of, at every time
READABLE = (
    "h264_bframes", "h264_no_bframes", "h264_long_gop", "h264_open_gop", "h264_open_gop_ts", "h264_intra_refresh_ts",
    "h264_mkv", "h264_flv", "h264_avi", "h264_fragmented", "h264_10bit", "h264_444_odd", "h264_ts", "h264_edit_list",
    "h264_offset_mkv", "h264_variable_rate", "h264_variable_rate_mkv", "h264_jitter", "h264_one_frame", "hevc_open_gop",
    "hevc_closed_gop", "vp8", "vp9", "vp9_mp4", "av1", "av1_mkv", "mpeg4_avi", "mpeg4_avi_bframes", "mpeg4_mp4_bframes",
    "mpeg2_ts", "mpeg1_ps", "mjpeg_mov", "wmv", "gif", "mxf", "ivf", "ogg", "rotated_90", "two_streams",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Frame indices of test files stay out of the user's cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MVSSL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def read_number() -> Callable[[np.ndarray], np.ndarray]:
    """Numbers written into frames (T, 3, H, W); -1 where one cannot be read."""
    return numbers_in


@pytest.fixture(scope="session")
def turn() -> Callable[[Path, tuple[int, ...]], Path]:
    """Writes a display matrix into an MP4."""
    return set_matrix


@pytest.fixture(scope="session")
def draw() -> Callable[..., np.ndarray]:
    """The numbered picture: ``draw(number, width, height)``."""
    return picture


@pytest.fixture(scope="session")
def encode_as() -> Callable[..., Path]:
    """Encodes numbered pictures: ``encode_as(path, codec, bframes=..., options=...)``."""
    return encode


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Callable[[str], Made]:
    """``clip(kind)``: the file of that kind, made once per session."""
    recipes = _recipes(tmp_path_factory.mktemp("clips"))
    made: dict[str, Made] = {}

    def get(kind: str) -> Made:
        if kind not in made:
            made[kind] = recipes[kind]()
        return made[kind]

    return get
