"""Scan videos: what is there, and what is wrong with it. Needs no labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvssl.brief import brief_repr
from mvssl.errors import VideoError
from mvssl.types import ClipRequest, Video

from .cache import index_of
from .clock import NEAR_ZERO_S
from .decoder import Decoder
from .folder import Skipped, walk
from .layouts import read_videos, sniff
from .opening import open_quietly
from .picture_folder import DEFAULT_FPS

UNCHECKED = {  # FFmpeg's names of containers: percent of the pictures of damaged copies wrong without a word
    "avi": 4, "mpeg": 4, "flv": 5, "asf": 19, "gif": 18, "mxf": 19, "ivf": 17,
}  # fmt: skip
_CHUNK = 64  # frames decoded at once
_STILL = 2  # grey levels of a frame reduced to 8 x 8: what encoding alone changes


class Problem(NamedTuple):
    """Something to know of a file. ``fatal``: the file cannot be used and is not in ``ScanReport.videos``."""

    video_id: str
    path: str
    kind: str  # a kind of VideoError, or: short, clock, still, variable_rate, rotated, odd_rotation, odd_tables, assumed_rate,
    # assumed_order, times_from_names, unchecked_container, duplicate_content
    message: str
    time_s: float | None = None
    fatal: bool = False


class ScanReport(NamedTuple):
    videos: list[Video]
    problems: list[Problem]
    skipped: list[Skipped] = []  # entries of a folder that are not read as videos

    def __repr__(self) -> str:
        return brief_repr(self)


def scan(
    source: str | os.PathLike | Sequence[Video],
    *,
    layout: str | None = None,
    pattern: str | None = None,
    decode: bool = False,
    checksums: bool = True,
    short_s: float = 0.5,
    timeout_s: float | None = 60.0,
    progress: Callable[[Iterable[Video]], Iterable[Video]] = lambda rows: rows,
) -> ScanReport:
    """Open every video of a folder, table or list, and complete its row.

    Args:
        source: anything that ``read_videos`` reads, or rows.
        layout: as in ``read_videos``.
        pattern: as in ``read_videos``: fields taken from the file names.
        decode: decode every frame too (minutes for hours of video), and say where a file is damaged.
        checksums: read every file once and keep a checksum of each packet with its frame index, so that later damage is
            found when the frames are read. Without, an MP4 is not read beyond its tables.
        short_s: videos shorter than this are noted.
        timeout_s: longest time that opening a file, and each read of it, may take.
        progress: wraps the rows, e.g. ``tqdm``.

    Returns:
        The usable videos, completed, and the problems in the order of the files. A damaged file stays usable, with its
        first damaged time noted; its damaged frames raise when they are asked for. Of a folder also what was skipped, and
        why.
    """
    skipped: list[Skipped] = []
    if isinstance(source, (str, os.PathLike)):
        if os.path.isdir(source) and (layout or sniff(Path(source))) == "folder":
            skipped = walk(Path(source))[1]
        rows: Sequence[Video] = read_videos(source, layout=layout, pattern=pattern, probe=False)
    else:
        rows = source
    videos: list[Video] = []
    problems: list[Problem] = []
    unchecked: dict[str, list[Video]] = {}
    for row in progress(rows):
        try:
            if checksums and not os.path.isdir(row.path):
                index_of(row.path, timeout_s=timeout_s, checksums=True)
            with open_quietly(row, damaged="flag", timeout_s=timeout_s) as decoder:
                found = [*_remarks(row, decoder, short_s), *(_damage(decoder) if decode else _known_damage(decoder))]
            videos.append(decoder.video)
            if decoder.index.container in UNCHECKED:
                unchecked.setdefault(decoder.index.container, []).append(decoder.video)
            problems += found
        except VideoError as error:
            problems.append(Problem(row.id, row.path, error.kind, str(error), error.time_s, fatal=True))
    return ScanReport(videos, [*problems, *_unchecked(unchecked), *_duplicates(videos)], skipped)


def _remarks(row: Video, decoder: Decoder, short_s: float) -> list[Problem]:
    video, found = decoder.video, []

    def remark(kind: str, message: str, time_s: float | None = None) -> None:
        found.append(Problem(video.id, video.path, kind, f"{video.path}: {message}", time_s))

    single = "one frame: nothing moves"
    if video.duration_s < short_s:
        remark("short", f"only {video.duration_s:.3f} s long{', ' + single if video.num_frames == 1 else ''}")
    elif video.num_frames == 1:
        remark("still", single)
    at_s = float(decoder.index.time_s(int(decoder.index.shown_pts[0])))
    if abs(at_s) > NEAR_ZERO_S:
        remark("clock", f"its first frame is at {at_s:.3f} s of the file's clock, at 0 s of a player's", at_s)
    for kind, message in decoder.index.remarks:
        remark(kind, message)
    if video.rotation:
        remark("rotated", f"turned by {video.rotation} degrees clockwise, as the file asks")
    named = any(kind == "times_from_names" for kind, _ in decoder.index.remarks)
    if os.path.isdir(video.path) and not row.fps and not named:
        remark(
            "assumed_rate", f"a folder of pictures without a stated rate, taken as {DEFAULT_FPS:g} frames per second"
        )
    steps = np.diff(decoder.times_s)
    if len(steps) and (uneven := np.abs(steps / np.median(steps) - 1) > 0.2).any():
        share = float(uneven.mean())
        at = float(decoder.times_s[int(np.argmax(uneven))])
        remark("variable_rate", f"{share:.1%} of the frame intervals differ from the median by more than a fifth", at)
    return found


def _known_damage(decoder: Decoder) -> list[Problem]:
    """As ``_damage``, of what the container itself shows: without decoding."""
    times_s, index = decoder.times_s, decoder.index
    first = int(np.searchsorted(index.shown_pts, round(float(times_s[0]) / index.tick_s)))
    return _damage_report(decoder, times_s[index.doubt[index.shown[first : first + len(times_s)]]].tolist())


def _damage(decoder: Decoder) -> list[Problem]:
    """The first damaged time, and how many frames are; and whether anything moves."""
    bad: list[float] = []
    first, largest = None, 0.0
    for start in range(0, len(decoder.times_s), _CHUNK):
        clip = decoder.read([ClipRequest(decoder.video.id, decoder.times_s[start : start + _CHUNK], size=(8, 8))])[0]
        assert clip.damaged is not None
        bad += clip.time_s[clip.damaged].tolist()
        first = clip.frames[:1].astype(np.int16) if first is None else first
        largest = max(largest, float(np.abs(clip.frames - first).max()))
    found, video = _damage_report(decoder, bad), decoder.video
    if video.num_frames > 1 and largest <= _STILL:
        words = f"nothing moves: no part of a frame differs from the first by more than {largest:.0f} of 255"
        found.append(Problem(video.id, video.path, "still", f"{video.path}: {words}"))
    return found


def _damage_report(decoder: Decoder, bad: list[float]) -> list[Problem]:
    video, codec = decoder.video, decoder.index.codec
    message = f"{video.path}: video stream ({codec}): {len(bad)} of {video.num_frames} frames are damaged"
    return [Problem(video.id, video.path, "corrupt", f"{message}, the first at {bad[0]:.6f} s", bad[0])] if bad else []


def _unchecked(found: dict[str, list[Video]]) -> list[Problem]:
    """One note a container that has no checks of its own."""
    return [
        Problem(
            videos[0].id,
            videos[0].path,
            "unchecked_container",
            f"{videos[0].path}: {container} files ({len(videos)} here) hold no checks of their own: damage that was there "
            f"before this scan is found only where the decoder stumbles ({UNCHECKED[container]} % of the pictures of damaged "
            "copies were wrong without a word); later damage is found by the checksums of a scan",
        )
        for container, videos in sorted(found.items())
    ]


def _duplicates(videos: Sequence[Video]) -> list[Problem]:
    """Files with the same bytes under several names (ranges of one file are none)."""
    by_size: dict[int, list[Video]] = {}
    for video in {video.path: video for video in videos if os.path.isfile(video.path)}.values():
        by_size.setdefault(os.path.getsize(video.path), []).append(video)
    found = []
    for group in by_size.values():
        first: dict[str, Video] = {}
        for video in group if len(group) > 1 else ():
            with open(video.path, "rb") as file:
                same = first.setdefault(hashlib.file_digest(file, "blake2b").hexdigest(), video)
            if same is not video:
                message = f"{video.path}: the same content as {same.path}"
                found.append(Problem(video.id, video.path, "duplicate_content", message))
    return found
