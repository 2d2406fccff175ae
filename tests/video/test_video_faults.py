"""Damaged copies, each read in a child process: no hang, no crash, typed errors, and no wrong picture without a word.

A decoder notices damage where the stream stops making sense. H.264 and MPEG-4 nearly always do; HEVC, VP9 and AV1 often
decode a few flipped bits inside a picture to another picture. So the share that is wrong without a word is bounded, not zero.
"""

import json
import os
import select
import signal
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

from mvssl.errors import VideoError
from mvssl.types import ClipRequest
from mvssl.video import open_video

CHECKED = ("h264_bframes", "h264_ts", "h264_mkv", "h264_fragmented", "h264_open_gop", "mpeg4_avi_bframes")
UNCHECKED = ("hevc_open_gop", "vp9", "av1_mkv")
LIMIT_S = 30


def spoil(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """One of the ways in which files get damaged."""
    how = ("truncated", "flipped", "zeroed", "cut_out", "renamed", "noise")[int(rng.integers(6))]
    out = bytearray(data)
    at = int(rng.integers(len(out)))
    if how == "truncated":
        out = out[:at]
    elif how == "flipped":
        for place in rng.integers(0, len(out), int(rng.integers(1, 30))):
            out[place] ^= 1 << int(rng.integers(8))
    elif how == "zeroed":
        length = int(rng.integers(16, len(out) // 4))
        out[at : at + length] = bytes(len(out[at : at + length]))
    elif how == "cut_out":
        del out[at : at + int(rng.integers(1, 2000))]
    elif how == "noise":
        length = int(rng.integers(16, 3000))
        out[at : at + length] = rng.bytes(len(out[at : at + length]))
    return how, bytes(out)


def read(path: Path, read_number) -> dict:
    """What a user gets: numbers, times and flags of all frames, or the kind of the error."""
    try:
        with open_video(path, damaged="flag", timeout_s=LIMIT_S / 2) as video:
            clip = video.read([ClipRequest("x", video.times_s)])[0]
            numbers = read_number(clip.frames[:, 0]).tolist()
            return {"numbers": numbers, "times": video.times_s.tolist(), "damaged": clip.damaged[:, 0].tolist()}
    except VideoError as error:
        return {"kind": error.kind}


def in_child(path: Path, read_number) -> dict:
    """``read`` in a forked process; a crash, an untyped error or a hang fails the test."""
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside idle threads: the child only decodes
        child = os.fork()
    if child == 0:
        status = 1
        try:
            with os.fdopen(sending, "w") as pipe:
                try:
                    pipe.write(json.dumps(read(path, read_number)))
                    status = 0
                except Exception:
                    pipe.write(traceback.format_exc())
        finally:
            os._exit(status)
    os.close(sending)
    ready, _, _ = select.select([receiving], [], [], LIMIT_S)
    if not ready:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(receiving) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert ready, f"{path.name}: nothing for {LIMIT_S} s"
    assert status == 0, f"{path.name}: the process ended with status {status}: {answer}"
    return json.loads(answer)


def wrong_without_a_word(report: dict, numbers: np.ndarray, times_s: np.ndarray) -> int:
    """Frames that show another number than theirs and are not flagged."""
    nearest = np.abs(np.array(report["times"])[:, None] - times_s[None]).argmin(1)
    return int(((np.array(report["numbers"]) != numbers[nearest]) & ~np.array(report["damaged"])).sum())


def spoil_and_read(clip, read_number, folder: Path, kinds: tuple[str, ...], count: int) -> dict[str, int]:
    rng = np.random.default_rng(11)
    totals = {"copies": 0, "errors": 0, "frames": 0, "flagged": 0, "silent": 0}
    for number in range(count):
        made = clip(kinds[number % len(kinds)])
        how, data = spoil(made.path.read_bytes(), rng)
        suffix = str(rng.choice([".mp4", ".avi", ".mkv", ".txt"])) if how == "renamed" else made.path.suffix
        path = folder / f"{number:03d}_{made.path.stem}_{how}{suffix}"
        path.write_bytes(data)
        with open_video(made.path) as video:
            times_s = video.times_s
        report = in_child(path, read_number)
        path.unlink()
        totals["copies"] += 1
        if "kind" in report:
            totals["errors"] += 1
            continue
        totals["frames"] += len(report["damaged"])
        totals["flagged"] += sum(report["damaged"])
        silent = wrong_without_a_word(report, made.numbers, times_s)
        totals["silent"] += silent
        if silent:
            print(f"{path.name}: {silent} of {len(report['damaged'])} frames wrong without a word")
    return totals


def check(clip, read_number, tmp_path, counts: tuple[int, int]) -> None:
    checked = spoil_and_read(clip, read_number, tmp_path, CHECKED, counts[0])
    unchecked = spoil_and_read(clip, read_number, tmp_path, UNCHECKED, counts[1])
    print(f"\nH.264 and MPEG-4: {checked}\nHEVC, VP9, AV1: {unchecked}")
    assert checked["silent"] <= 0.01 * checked["frames"]
    assert checked["flagged"] > 0
    assert checked["errors"] > 0
    assert unchecked["silent"] <= 0.1 * unchecked["frames"]


def test_damaged_copies(clip, read_number, tmp_path):
    check(clip, read_number, tmp_path, (30, 9))


@pytest.mark.slow
def test_500_damaged_copies(clip, read_number, tmp_path):
    check(clip, read_number, tmp_path, (350, 150))
