"""IKEA ASM (Ben-Shabat et al. 2021): three cameras of each assembly, atomic actions.

    mvssl data ikea_asm ANU_ikea_dataset_video gt_segments.json -o ikea

Reads ``<furniture>/<scan>/dev{1,2,3}/images/scan_video.avi`` and ``gt_segments.json``: {database:
{"<furniture>/<scan>": {subset: training | testing, annotation: [{label, segment: [first frame, last frame]}]}}},
segments one after the other, "NA" where nothing is done (not labelled here). Frame numbers are turned into times by the
frames of each file itself, never by a rate. session = the scan, camera = dev1 to dev3. Cameras that are not there are
left out and counted; segments beyond the end of a file are cut there and counted.
"""

from __future__ import annotations

import json
from pathlib import Path

from mvssl.converters._tables import write_dataset
from mvssl.errors import InputError
from mvssl.labels import Segment, Segments
from mvssl.types import Video
from mvssl.video import open_video

SPLITS = {"training": "train", "testing": "val"}


def prepare(source: Path, annotations: Path, out: Path) -> dict[str, int]:
    """Writes the tables; returns the counts of what was left out (also printed).

    Raises:
        InputError: an unknown subset, a segment that ends before it starts.
    """
    counts = {"cameras that are not there": 0, "segments cut at the end of the file": 0}
    videos, segments = [], Segments()
    for scan, about in sorted(json.loads(annotations.read_text())["database"].items()):
        if about["subset"] not in SPLITS:
            raise InputError(f"{annotations}: {scan}: subset {about['subset']!r}; known: {', '.join(SPLITS)}")
        for camera in ("dev1", "dev2", "dev3"):
            path = source / scan / camera / "images" / "scan_video.avi"
            if not path.exists():
                counts["cameras that are not there"] += 1
                continue
            name = f"{scan}/{camera}"
            row = Video(name, str(path.resolve()), session=scan, camera=camera, split=SPLITS[about["subset"]])
            with open_video(row) as opened:
                edges = [*opened.times_s, opened.video.end_s]
            videos.append(row._replace(num_frames=len(edges) - 1, end_s=float(edges[-1]), label=scan.split("/")[0]))
            rows: list[Segment] = []
            for part in about["annotation"]:
                first, last = part["segment"]
                if last < first:
                    raise InputError(f"{annotations}: {scan}: segment {part} ends before it starts")
                end = min(last + 1, len(edges) - 1)
                counts["segments cut at the end of the file"] += last + 1 > len(edges) - 1
                if first < end and part["label"] != "NA":
                    rows.append(Segment(float(edges[first]), float(edges[end]), part["label"]))
            rows.sort()
            for i, (before, after) in enumerate(zip(rows, rows[1:])):
                rows[i] = before._replace(end_s=min(before.end_s, after.start_s))  # a shared frame is the later one's
            segments[name] = [segment for segment in rows if segment.end_s > segment.start_s]
    write_dataset(out, videos, segments)
    print("\n".join(f"{number} {what}" for what, number in counts.items()))
    return counts
