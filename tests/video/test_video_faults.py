"""Damaged copies: each in a child process; no hang, no crash, typed errors, and no wrong picture without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mvssl.errors import VideoError
from mvssl.video import open_video

CHILD = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from conftest import numbers_in
from mvssl.errors import VideoError
from mvssl.types import ClipRequest
from mvssl.video import open_video
try:
    with open_video(sys.argv[2], damaged="flag", timeout_s=20.0) as video:
        clip = video.read([ClipRequest("x", video.times_s)])[0]
        bad = clip.damaged[:, 0]
        print(json.dumps({"numbers": numbers_in(clip.frames[:, 0]).tolist(), "times": video.times_s.tolist(), "damaged": bad.tolist(),
                          "blur": clip.frames[:, 0].mean((1, 2, 3)).tolist()}))
except VideoError as error:
    print(json.dumps({"kind": error.kind, "path": error.path}))
"""


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


def read_in_child(path: Path) -> dict:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(Path(__file__).parent), str(path)],
        capture_output=True, text=True, timeout=60, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.returncode == 0, f"{path.name}: the process died ({result.returncode}): {result.stderr[-500:]}"
    return json.loads(result.stdout.splitlines()[-1])


def wrong_without_a_word(report: dict, numbers: np.ndarray, times_s: np.ndarray) -> int:
    """Frames that show another number than theirs and are not flagged."""
    if "kind" in report:
        return 0
    found = np.array(report["numbers"])
    nearest = np.abs(np.array(report["times"])[:, None] - times_s[None]).argmin(1)
    return int(((found != numbers[nearest]) & ~np.array(report["damaged"])).sum())


def run(clip, tmp_path: Path, kinds: tuple[str, ...], count: int) -> dict[str, int]:
    os.environ["MVSSL_CACHE"] = str(tmp_path / "cache")
    rng = np.random.default_rng(11)
    totals = {"typed errors": 0, "read": 0, "flagged": 0, "silent": 0}
    for number in range(count):
        made = clip(kinds[number % len(kinds)])
        how, data = spoil(made.path.read_bytes(), rng)
        suffix = rng.choice([".mp4", ".avi", ".mkv", ".txt"]) if how == "renamed" else made.path.suffix
        path = tmp_path / f"{number:03d}_{how}{suffix}"
        path.write_bytes(data)
        report = read_in_child(path)
        with open_video(made.path) as video:
            times_s = video.times_s
        silent = wrong_without_a_word(report, made.numbers, times_s)
        totals["silent"] += silent
        totals["typed errors" if "kind" in report else "read"] += 1
        totals["flagged"] += sum(report.get("damaged", []))
        path.unlink()
    return totals


KINDS = (
    "h264_bframes",
    "h264_ts",
    "hevc_open_gop",
    "vp9",
    "av1_mkv",
    "mpeg4_avi_bframes",
    "h264_mkv",
    "h264_fragmented",
)


def test_damaged_copies_few(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "cache"))
    totals = run(clip, tmp_path, KINDS, 8)
    assert totals["silent"] == 0, totals


@pytest.mark.slow
def test_damaged_copies_500(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("MVSSL_CACHE", str(tmp_path / "cache"))
    totals = run(clip, tmp_path, KINDS, 500)
    print(totals)
    assert totals["silent"] == 0, totals
