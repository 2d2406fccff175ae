"""The lists that public action datasets come with: Kinetics, UCF101, HMDB51."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from mvssl.errors import InputError
from mvssl.types import Video


def read_kinetics(path: Path, root: Path) -> list[Video]:
    """Kinetics: the official csv (label, youtube_id, time_start, ...), or lines ``path label`` with a comma or a space."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = [line.strip() for line in file if line.strip()]
    if lines and "youtube_id" in lines[0].lower():
        return [_kinetics_row(row, root) for row in csv.DictReader(lines)]
    videos = []
    for number, line in enumerate(lines, start=1):
        name, separator, label = line.rpartition("," if "," in line else " ")
        if not separator:
            raise InputError(f"{path}, line {number}: expected 'path label' or 'path,label', got {line!r}")
        videos.append(Video(name.strip(), str(root / name.strip()), label=label.strip()))
    return videos


def _kinetics_row(row: dict[str, str], root: Path) -> Video:
    stem = f"{row['youtube_id']}_{int(row['time_start']):06d}_{int(row['time_end']):06d}"
    label = row.get("label", "")
    tried = [
        f"{folder}{stem}.mp4" for folder in (f"{label}/", f"{label.replace(' ', '_')}/", "", f"{row.get('split', '')}/")
    ]
    name = next((name for name in tried if (root / name).exists()), tried[0])
    return Video(name, str(root / name), label=label, split=row.get("split", ""))


def read_ucf101(path: Path, root: Path) -> list[Video]:
    """UCF101 ``trainlist01.txt`` (``Action/v_Action_g01_c01.avi 1``) and ``testlist01.txt``; group = the g of the name."""
    split = "train" if "train" in path.name.lower() else "test"
    videos = []
    for line in path.read_text().split("\n"):
        if line.strip():
            name = line.split()[0]
            group = re.search(r"_(g\d+)_c\d+", name)
            label = name.split("/")[0]
            videos.append(
                Video(name, str(root / name), group=f"{label}/{group[1]}" if group else "", split=split, label=label)
            )
    return videos


def read_hmdb51(path: Path, root: Path) -> list[Video]:
    """HMDB51 ``brush_hair_test_split1.txt``: ``name.avi 1`` (1 train, 2 test, 0 not used); label = the file's name."""
    label = re.sub(r"_test_split\d+\.txt$", "", path.name)
    videos = []
    for line in path.read_text().split("\n"):
        if line.strip():
            name, part = line.split()
            if part != "0":
                videos.append(
                    Video(
                        f"{label}/{name}",
                        str(root / label / name),
                        split={"1": "train", "2": "test"}[part],
                        label=label,
                    )
                )
    return videos
