"""The lists that public action datasets come with: Kinetics, UCF101, HMDB51, and plain lists of paths and labels."""

from __future__ import annotations

import re
from pathlib import Path

from mvssl.errors import InputError
from mvssl.rows import TableRow, clean, read_rows, read_text
from mvssl.types import Video

from .suffixes import SUFFIXES

_NUMBER = re.compile(r"-?\d+")


def lines_of(path: Path) -> list[tuple[str, str]]:
    """(file and line, stripped text) of each line that holds any."""
    lines = read_text(path).split("\n")
    return [(f"{path}, line {number}", line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]


def read_kinetics(path: Path, root: Path) -> list[Video]:
    """Kinetics-400, -600, -700: the official csv (label, youtube_id, time_start, time_end, split), or a plain list."""
    lines = lines_of(path)
    if lines and "youtube_id" in lines[0][1].lower():
        return [_kinetics_row(row, root) for row in read_rows(path, needs=("youtube_id", "time_start", "time_end"))]
    return [_listed(line, where, root) for where, line in lines]


def _kinetics_row(row: TableRow, root: Path) -> Video:
    stem = f"{row.text('youtube_id')}_{int(row.number('time_start')):06d}_{int(row.number('time_end')):06d}"
    label, split = row.text("label"), row.text("split")
    folders = [*(f"{one}/" for one in (label, label.replace(" ", "_")) if one), "", f"{split}/"]
    tried = [f"{folder}{stem}.mp4" for folder in folders]
    name = next((name for name in tried if (root / name).exists()), tried[0])
    return Video(name, str(root / name), label=label, split=split)


def _listed(line: str, where: str, root: Path) -> Video:
    """``path label``, with a comma, a tab or spaces between, or VideoMAE's ``path 0 -1``, which has no label.

    Raises:
        InputError: no separator, or three fields, of which no one can tell what they mean.
    """
    for separator in (",", "\t", " "):
        name, _, label = (part.strip().strip('"') for part in line.rpartition(separator))
        if Path(name).suffix.lower() in SUFFIXES or (name and (root / name).is_dir()):
            return Video(name, str(root / name), label=clean(label))
    parts = line.rsplit(None, 2)
    if len(parts) == 3 and _NUMBER.fullmatch(parts[1]) and _NUMBER.fullmatch(parts[2]):
        if parts[2] == "-1":
            return Video(parts[0], str(root / parts[0]))
        raise InputError(
            f"{where}: {line!r} has three fields, as the lists of VideoMAE and MMAction (path, number of frames or start, "
            "label); give 'path label' or 'path,label'"
        )
    name, separator, label = line.rpartition("," if "," in line else " ")
    if not separator:
        raise InputError(f"{where}: expected 'path label' or 'path,label', got {line!r}")
    return Video(name.strip(), str(root / name.strip()), label=clean(label))


def read_ucf101(path: Path, root: Path) -> list[Video]:
    """UCF101 ``trainlist01.txt`` (``Action/v_Action_g01_c01.avi 1``) and ``testlist01.txt``; group = the g of the name."""
    split = "train" if "train" in path.name.lower() else "test"
    videos = []
    for _, line in lines_of(path):
        name = re.sub(r"\s+\d+$", "", line)
        group = re.search(r"_(g\d+)_c\d+", name)
        label = name.split("/")[0]
        videos.append(
            Video(name, str(root / name), group=f"{label}/{group[1]}" if group else "", split=split, label=label)
        )
    return videos


def read_hmdb51(path: Path, root: Path) -> list[Video]:
    """HMDB51 ``brush_hair_test_split1.txt``: ``name.avi 1`` (1 train, 2 test, 0 not used); label = the file's name."""
    label = re.sub(r"_test_split\d+\.txt$", "", path.name)
    splits = {"1": "train", "2": "test", "0": None}
    videos = []
    for where, line in lines_of(path):
        name, part = (line.rsplit(None, 1) + [""])[:2]
        if part not in splits:
            raise InputError(f"{where}: expected 'name 0', 'name 1' or 'name 2', got {line!r}")
        if (split := splits[part]) is not None:
            videos.append(Video(f"{label}/{name}", str(root / label / name), split=split, label=label))
    return videos
