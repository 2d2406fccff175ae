"""Labels and progress for other programs: BORIS, ELAN, LeRobot."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mvssl import files
from mvssl.errors import InputError
from mvssl.frames import VideoFrames
from mvssl.labels import Segments

from .time_map import TimeMap


def write_boris(
    path: str | Path, segments: Segments, *, subject: str = "", first_s: Mapping[str, float] | None = None
) -> Path:
    """Writes tabular events (TSV) as BORIS exports them: two rows, START and STOP, per segment; seconds of a player.

    Args:
        first_s: by video, its file's first frame on the file's clock, where that is not 0: 0 s for BORIS.
    """
    first_s = first_s or {}
    events = [
        [f"{time_s - first_s.get(video, 0.0):.4f}", video, subject, row.label, status]
        for video, rows in segments.items()
        for row in rows
        for time_s, status in ((row.start_s, "START"), (row.end_s, "STOP"))
    ]
    return files.write_csv(path, ["Time", "Media file path", "Subject", "Behavior", "Status"], events, delimiter="\t")


def write_elan(
    path: str | Path, segments: Segments, video: str, *, media: str | Path | None = None, tier: str = "phases",
    first_s: float = 0.0,
) -> Path:  # fmt: skip
    """Writes one video's segments as an ELAN document (.eaf, format 3.0) with one time-aligned tier, in a player's time.

    Args:
        path: the document.
        segments: labels by video id.
        video: whose labels.
        media: where ELAN finds the video; None: the id.
        tier: name of the tier.
        first_s: of the file's first frame on the file's clock: 0 s for ELAN.
    """
    if video not in segments:
        raise InputError(f"{video}: no labels to write; there are labels of {sorted(segments)[:3]} ...")
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {"AUTHOR": "mvssl", "DATE": datetime.now(UTC).isoformat(timespec="seconds"), "FORMAT": "3.0", "VERSION": "3.0"},
    )
    header = ElementTree.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    where = str(media or video)
    url = Path(where).resolve().as_uri() if Path(where).is_absolute() else where
    ElementTree.SubElement(
        header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": url, "MIME_TYPE": "video/mp4", "RELATIVE_MEDIA_URL": where}
    )
    order = ElementTree.SubElement(root, "TIME_ORDER")
    rows = ElementTree.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": tier})
    for k, segment in enumerate(segments[video]):
        for slot, time_s in ((f"ts{2 * k + 1}", segment.start_s), (f"ts{2 * k + 2}", segment.end_s)):
            ElementTree.SubElement(
                order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(round((time_s - first_s) * 1000))}
            )
        holder = ElementTree.SubElement(rows, "ANNOTATION")
        refs = {"TIME_SLOT_REF1": f"ts{2 * k + 1}", "TIME_SLOT_REF2": f"ts{2 * k + 2}"}
        one = ElementTree.SubElement(holder, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": f"a{k + 1}", **refs})
        ElementTree.SubElement(one, "ANNOTATION_VALUE").text = segment.label
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"}
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", kind)
    ElementTree.indent(root)
    return files.write_bytes(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def progress(time_map: TimeMap, frames: VideoFrames) -> np.ndarray:
    """(T,) how far through the reference's action each frame of the query is: 0 to 1, held beyond the matched range."""
    start_s, end_s = float(time_map.ref_time_s.min()), float(time_map.ref_time_s.max())
    if end_s <= start_s:
        return np.zeros(len(frames.time_s))
    return (time_map.to_reference(frames.time_s, extend=True) - start_s) / (end_s - start_s)


def write_progress(
    path: str | Path, episodes: Sequence[tuple[TimeMap, VideoFrames]], *, episode_index: Mapping[str, int]
) -> Path:
    """Writes LeRobot's ``progress.parquet``: index, episode_index, frame_index, progress_dense.

    Args:
        path: the table.
        episodes: each demonstration's map from the reference, and its frames.
        episode_index: number of each video's episode in the LeRobot data set; ``index`` counts the rows of all
            episodes, in order of their number.

    Raises:
        InputError: a video without episode number, or two videos of one episode.
    """
    numbered = {}
    for time_map, frames in episodes:
        if frames.video not in episode_index:
            raise InputError(f"{frames.video}: no episode number; give one for every video")
        number = episode_index[frames.video]
        if number in numbered:
            raise InputError(f"{frames.video}: episode {number} is given twice")
        numbered[number] = (time_map, frames)
    numbers = sorted(numbered)
    lengths = [len(numbered[n][1].frame) for n in numbers]
    table = pa.table(
        {
            "index": np.arange(sum(lengths), dtype=np.int64),
            "episode_index": np.repeat(np.array(numbers, dtype=np.int64), lengths),
            "frame_index": np.concatenate([numbered[n][1].frame for n in numbers]).astype(np.int64),
            "progress_dense": np.concatenate([progress(*numbered[n]) for n in numbers]).astype(np.float32),
        }
    )
    with files.whole_file(path) as temporary:
        pq.write_table(table, temporary)
    return Path(path)
